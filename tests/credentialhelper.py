"""A credential helper for tests: `docker-credential-NAME` over a JSON file, in POSIX sh and Python.

It speaks the protocol of docker/docker-credential-helpers and writes every call to a log, so that a
test sees what came by argument, by standard input and by environment.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """#!{python} -IS
import json, os, sys
folder = {folder!r}
verb, question = sys.argv[1], sys.stdin.read()
with open(folder + "/calls", "a") as log:
    log.write(json.dumps({{"argv": sys.argv[1:], "stdin": question}}) + "\\n")
path = folder + "/kept"
kept = json.load(open(path)) if os.path.exists(path) else {{}}
if os.path.exists(folder + "/broken"):
    print("the keychain is locked")
    sys.exit(1)
if verb == "store":
    entry = json.loads(question)
    kept[entry["ServerURL"]] = [entry["Username"], entry["Secret"]]
elif verb == "list":
    print(json.dumps({{server: pair[0] for server, pair in kept.items()}}))
elif question not in kept:
    print("credentials not found in native keychain")
    sys.exit(1)
elif verb == "erase":
    del kept[question]
else:
    user, secret = kept[question]
    print(json.dumps({{"ServerURL": question, "Username": user, "Secret": secret}}))
json.dump(kept, open(path, "w"))
"""


@dataclass(frozen=True)
class FakeHelper:
    """The helper's program is in `bin`, which goes on PATH; what it keeps is in `folder`."""

    name: str
    folder: Path

    @property
    def bin(self) -> Path:
        """Folder of the program."""
        return self.folder / "bin"

    @classmethod
    def install(cls, folder: Path, name: str = "fake") -> FakeHelper:
        """Write the program."""
        helper = cls(name, folder)
        helper.bin.mkdir(parents=True, exist_ok=True)
        program = helper.bin / f"docker-credential-{name}"
        program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        return helper

    @property
    def kept(self) -> dict[str, list[str]]:
        """Server, and user's name and secret."""
        path = self.folder / "kept"
        found: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def keep(self, server: str, username: str, secret: str) -> None:
        """Put a secret into the keychain."""
        (self.folder / "kept").write_text(json.dumps({**self.kept, server: [username, secret]}))

    def break_(self) -> None:
        """Make every call fail from now on."""
        (self.folder / "broken").touch()

    @property
    def calls(self) -> list[dict[str, object]]:
        """Every call: `argv` and `stdin`."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
