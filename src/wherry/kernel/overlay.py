"""Overlay file systems of any depth, as detached mounts (kernel: filesystems/overlayfs.rst).

Since Linux 6.8 each layer is one `lowerdir+` option. Before, all layers share mount(2)'s one page
of data, which 127 long paths overflow; there the layers are opened and named by their
descriptors' numbers, relative to /proc/self/fd.
"""

from __future__ import annotations

import os

from wherry.kernel import mount
from wherry.kernel.fd import close_all

_FSCONFIG_LIMIT = 255
_SINGLE_LAYERS = (6, 8)
_ENOENT = 2


def overlay(options: list[str], attributes: int = 0, *, stage: str = "/") -> int:
    """A detached overlay mount.

    `options`: one `lowerdir+=PATH` per layer, topmost first (or `lowerdir=A:B`), `upperdir=`,
    `workdir=` (none of both: read-only), and any further words of overlayfs. `stage` is a
    directory of this mount namespace that the older interface may mount on for a moment.
    Raises OSError: ENOENT for a missing directory, EINVAL for one that overlayfs does not accept.
    """
    layers, others = split_options(options)
    short = all(len(os.fsencode(word)) <= _FSCONFIG_LIMIT for word in (*layers, *others))
    if not short or not knows_single_layers(os.uname().release):
        return _by_numbers(layers, others, attributes, stage)
    try:
        return mount.new_mount("overlay", "overlay", _one_by_one(layers, others), attributes)
    except FileNotFoundError as error:
        raise _missing(layers, others) or error from None


def _missing(layers: list[str], others: list[str]) -> OSError | None:
    """The kernel does not say which directory is not there."""
    own = [word.partition("=")[2] for word in others if word.startswith(("upperdir", "workdir"))]
    for path in (*layers, *own):
        if not os.path.isdir(path):
            return OSError(_ENOENT, f"overlay: {os.strerror(_ENOENT)}", path)
    return None


def split_options(options: list[str]) -> tuple[list[str], list[str]]:
    """(lower directories, topmost first; all other options)."""
    layers: list[str] = []
    others: list[str] = []
    for option in options:
        key, _, value = option.partition("=")
        if key == "lowerdir+":
            layers.append(value)
        elif key == "lowerdir":
            layers.extend(_split_paths(value))
        else:
            others.append(option)
    return layers, others


def _split_paths(value: str) -> list[str]:
    """Split at colons; a backslash protects the character behind it."""
    paths = [""]
    characters = iter(value)
    for character in characters:
        if character == "\\":
            paths[-1] += next(characters, "")
        elif character == ":":
            paths.append("")
        else:
            paths[-1] += character
    return paths


def _one_by_one(layers: list[str], others: list[str]) -> list[str]:
    return [*(f"lowerdir+={layer}" for layer in layers), *others]


def knows_single_layers(release: str) -> bool:
    """Whether a kernel of this release (uname(2)) has `lowerdir+`.

    It cannot be probed: before 6.5 overlayfs is configured through the kernel's adapter for older
    file systems, which takes any word, and complains of it in the kernel's log when the file
    system is made. The other way works with every release, so a back-port costs nothing.
    """
    major, minor = release.partition("-")[0].split(".")[:2]
    return (int(major), int(minor)) >= _SINGLE_LAYERS


def _by_numbers(layers: list[str], others: list[str], attributes: int, stage: str) -> int:
    opened: list[int] = []
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        names = ":".join(_open_name(layer, opened) for layer in layers)
        words = [f"lowerdir={names}", *(_numbered(word, opened) for word in others)]
        os.chdir("/proc/self/fd")
        mount.mount("overlay", stage, "overlay", 0, mount.joined(words))
        try:
            fd = mount.clone_tree(stage)
        finally:
            mount.umount(stage, mount.MNT_DETACH)
    finally:
        os.fchdir(here)
        close_all([here, *opened])
    if attributes:
        mount.mount_setattr(fd, "", 0, attributes)
    return fd


def _open_name(directory: str, opened: list[int]) -> str:
    opened.append(os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return str(opened[-1])


def _numbered(word: str, opened: list[int]) -> str:
    key, _, value = word.partition("=")
    if key in ("upperdir", "workdir"):
        return f"{key}={_open_name(value, opened)}"
    return word
