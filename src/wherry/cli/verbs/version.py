"""`wherry version`."""

from __future__ import annotations

import os

from wherry.cli.api import CLIENT_VERSION
from wherry.cli.build import PYTHON_VERSION, VERSION
from wherry.cli.command import Command
from wherry.cli.failures import STATUS_FAILED, Failure
from wherry.cli.flags import Flag
from wherry.cli.formatflag import OBJECT_FORMAT
from wherry.cli.output import STDOUT, write_text
from wherry.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS: tuple[Flag, ...] = (OBJECT_FORMAT,)

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LABEL_WIDTH = 18

# (label, key in Details) of an engine and of the other components, in docker's order.
_ENGINE_ROWS = (
    ("Version", "Version"),
    ("API version", "ApiVersion"),
    ("Python version", "PythonVersion"),
    ("Go version", "GoVersion"),
    ("Git commit", "GitCommit"),
    ("Built", "BuildTime"),
    ("OS/Arch", "OsArch"),
    ("Experimental", "Experimental"),
)
_PART_ROWS = (("Version", "Version"), ("GitCommit", "GitCommit"))


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Show client and server; without a server the client alone, and the reason."""
    server, failure = None, None
    try:
        server = context.api.get("/version")
    except Failure as problem:
        failure = problem
    facts = {"Client": _client(context.api.version if server else CLIENT_VERSION), "Server": server}
    _print(facts, options.text("format"))
    if failure:
        context.warn(failure.message)
    return STATUS_FAILED if failure else 0


def _client(spoken: str) -> dict[str, Any]:
    machine = os.uname().machine
    return {
        "Platform": {"Name": ""},
        "Version": VERSION,
        "ApiVersion": spoken,
        "DefaultAPIVersion": CLIENT_VERSION,
        "PythonVersion": PYTHON_VERSION,
        "Os": "linux",
        "Arch": _ARCHITECTURES.get(machine, machine),
        "Context": "default",
    }


def _print(facts: dict[str, Any], layout: str) -> None:
    if layout == "json":
        write_text(STDOUT, f"{encode(facts)}\n")
    elif layout:
        from wherry.cli.templated import render_object

        write_text(STDOUT, f"{render_object(facts, layout)}\n")
    else:
        lines = _client_lines(facts["Client"])
        if facts["Server"]:
            lines += ["", *_server_lines(facts["Server"])]
        write_text(STDOUT, "\n".join([*lines, ""]))


def _client_lines(client: dict[str, Any]) -> list[str]:
    spoken = client["ApiVersion"]
    note = f" (downgraded from {CLIENT_VERSION})" if spoken != CLIENT_VERSION else ""
    rows = (
        ("Version", client["Version"]),
        ("API version", f"{spoken}{note}"),
        ("Python version", client["PythonVersion"]),
        ("OS/Arch", f"{client['Os']}/{client['Arch']}"),
        ("Context", client["Context"]),
    )
    return ["Client:", *(f" {label + ':':<{_LABEL_WIDTH}} {value}" for label, value in rows)]


def _server_lines(server: dict[str, Any]) -> list[str]:
    lines = [f"Server: {(server.get('Platform') or {}).get('Name', '')}".rstrip()]
    for part in server.get("Components") or [_engine_alone(server)]:
        details = dict(part.get("Details") or {}, Version=part["Version"])
        engine = part["Name"] == "Engine"
        if engine:
            details |= {
                "ApiVersion": f"{details.get('ApiVersion')}"
                f" (minimum version {details.get('MinAPIVersion')})",
                "OsArch": f"{details.get('Os')}/{details.get('Arch')}",
            }
        lines.append(f" {part['Name']}:")
        for label, key in _ENGINE_ROWS if engine else _PART_ROWS:
            if details.get(key) or (key in details and not engine):
                lines.append(f"  {label + ':':<{_LABEL_WIDTH - 1}} {details[key]}".rstrip())
    return lines


def _engine_alone(server: dict[str, Any]) -> dict[str, Any]:
    """Daemons that know no components describe their engine at the top."""
    return {"Name": "Engine", "Version": server["Version"], "Details": server}


COMMAND = Command("Show the versions of client and daemon", run, flags=FLAGS)
