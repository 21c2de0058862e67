"""A certificate authority made for a test: ca.pem, and pairs that it signed, by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Files in `folder`: `ca.pem` and, for each name signed, `NAME.pem` and `NAME.key`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._openssl(
            "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", f"/CN={folder.name}", "-addext", "keyUsage=critical,keyCertSign",
            "-addext", "basicConstraints=critical,CA:TRUE",
        )  # fmt: skip

    def sign(self, name: str, usage: str, alternative: str = "IP:127.0.0.1") -> None:
        """A pair; `usage` is serverAuth or clientAuth."""
        extensions = f"subjectAltName={alternative}\nextendedKeyUsage={usage}\n"
        (self.folder / "extensions").write_text(extensions)
        self._openssl(
            "req", *_KEY, "-keyout", f"{name}.key", "-out", "request", "-subj", f"/CN={name}"
        )
        self._openssl(
            "x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", "extensions",
        )  # fmt: skip

    def client_folder(self, name: str) -> Path:
        """A folder with ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH names one."""
        made = self.folder / f"of-{name}"
        made.mkdir()
        for kind, source in (("ca", "ca.pem"), ("cert", f"{name}.pem"), ("key", f"{name}.key")):
            (made / f"{kind}.pem").write_bytes((self.folder / source).read_bytes())
        return made

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
