"""TLS with a registry: the system's authorities, those of certs.d, and client certificates.

`<directory>/<host[:port]>/` holds `*.crt` (authorities), `*.cert` with `*.key` (client
certificates), as Docker has it: https://docs.docker.com/engine/security/certificates/
"""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Paths: authorities, and pairs of client certificate and key."""

    authorities: tuple[str, ...] = ()
    clients: tuple[tuple[str, str], ...] = ()


def find_files(directories: Iterable[str], host: str) -> CertificateFiles:
    """What is there for a host[:port]; a directory that is missing counts as empty.

    Raises Invalid for a certificate without its key, or a key without its certificate.
    """
    names = [os.path.join(directory, host) for directory in directories]
    paths = [os.path.join(name, file) for name in names for file in _files(name)]
    return CertificateFiles(
        tuple(path for path in paths if path.endswith(".crt")), tuple(_pairs(paths))
    )


def _files(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _pairs(paths: list[str]) -> Iterable[tuple[str, str]]:
    for path in paths:
        stem, extension = os.path.splitext(path)
        if extension == ".cert" and f"{stem}.key" not in paths:
            raise Invalid(
                f"missing key {stem}.key for client certificate {path}",
                hint="certificates of authorities end in .crt",
            )
        if extension == ".key" and f"{stem}.cert" not in paths:
            raise Invalid(f"missing client certificate {stem}.cert for key {path}")
        if extension == ".cert":
            yield path, f"{stem}.key"


def context(files: CertificateFiles, *, verify: bool) -> ssl.SSLContext:
    """A client context, TLS 1.2 at least. Raises Invalid for a file that cannot be loaded."""
    made = ssl.create_default_context()
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    for path in files.authorities:
        with _naming(path):
            made.load_verify_locations(cafile=path)
    for certificate, key in files.clients:
        with _naming(certificate):  # a password, or OpenSSL asks for one on the terminal
            made.load_cert_chain(certificate, key, password="")
    return made


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise Invalid(f"cannot load the certificate {path}: {error}") from error
