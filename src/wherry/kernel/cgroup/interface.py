"""Interface files of a cgroup directory: one value in, numbers and tables out.

The kernel takes exactly one write(2) per setting, and answers with the setting's own errno there
(EINVAL, EBUSY, ERANGE ...), so an error names the file and the value that it refused.
"""

from __future__ import annotations

import errno
import os

UNLIMITED = 2**64 - 1
"""What `read_limit` gives for "max"."""


def write(directory: str, name: str, value: str | int) -> None:
    """Write one setting.

    Raises OSError with the kernel's errno, a text that shows the value, and the file's path.
    """
    path = f"{directory}/{name}"
    fd = _open(directory, name)
    try:
        os.write(fd, str(value).encode())
    except OSError as error:
        raise refused(error, value, path) from None
    finally:
        os.close(fd)


def write_lines(directory: str, name: str, lines: list[str]) -> None:
    """Write several settings into one file, one write(2) each; errors as `write`."""
    path = f"{directory}/{name}"
    fd = _open(directory, name)
    line = ""
    try:
        for line in lines:
            os.write(fd, f"{line}\n".encode())
    except OSError as error:
        raise refused(error, line, path) from None
    finally:
        os.close(fd)


def _open(directory: str, name: str) -> int:
    path = f"{directory}/{name}"
    try:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_TRUNC)
    except FileNotFoundError:
        if not os.path.isdir(directory):
            raise
        why = "its controller is missing, or not handed down by the cgroups above"
        raise OSError(errno.ENOENT, f"there is no {name} here: {why}", path) from None


def refused(error: OSError, value: str | int, path: str) -> OSError:
    """The same error with the refused value in its text and the file as its path."""
    return OSError(error.errno, f"writing {value!r}: {os.strerror(error.errno or 0)}", path)


def exists(directory: str, name: str) -> bool:
    """Whether the kernel offers this file here."""
    return os.access(f"{directory}/{name}", os.F_OK)


def read(directory: str, name: str) -> str:
    """The file's text without the final newline; OSError where it cannot be read."""
    path = f"{directory}/{name}"
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None
    finally:
        os.close(fd)
    return b"".join(chunks).decode("ascii", "replace").rstrip("\n")


def read_or(directory: str, name: str, default: str = "") -> str:
    """The file's text, or `default` where the kernel does not offer the file.

    ENODEV is what a file of a removed cgroup answers, EOPNOTSUPP one whose feature is switched off.
    """
    try:
        return read(directory, name)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EOPNOTSUPP, errno.ENODEV):
            return default
        raise


def read_number(directory: str, name: str, default: int = 0) -> int:
    """A file that holds one number; `default` where it is missing."""
    return number(read_or(directory, name, str(default)))


def number(text: str) -> int:
    """A number as the kernel prints it; "max" is `UNLIMITED`."""
    return UNLIMITED if text == "max" else int(text)


def read_table(directory: str, name: str) -> dict[str, int]:
    """A "flat keyed" file (lines of `key number`); empty where it is missing."""
    table = {}
    for line in read_or(directory, name).splitlines():
        key, _, value = line.partition(" ")
        if value:
            table[key] = number(value)
    return table


def read_nested(directory: str, name: str) -> dict[str, dict[str, str]]:
    """A "nested keyed" file (lines of `key a=1 b=2`); empty where it is missing."""
    table = {}
    for line in read_or(directory, name).splitlines():
        key, *pairs = line.split()
        table[key] = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return table
