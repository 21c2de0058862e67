"""`wherry images --tree`: the platforms behind each name, here or not."""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.cli.output import STDOUT, write_text
from wherry.cli.tables import align
from wherry.cli.units import short_id, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from wherry.cli.flags import Options

_HEADING = "IMAGE\tID\tDISK USAGE\tCONTENT SIZE\tUSED"


def check_flags(options: Options) -> None:
    """Raises `Failure` for flags that a tree has no place for."""
    for name in ("quiet", "no-trunc", "digests"):
        if options.on(name):
            raise Failure(f"--{name} is not supported with --tree")
    if options.text("format"):
        raise Failure("--format is not supported with --tree")


def print_tree(images: list[Any]) -> None:
    """One block of lines for each image, newest first."""
    images.sort(key=lambda image: -image["Created"])
    rows = [row for image in images for row in _image(image)]
    write_text(STDOUT, align([_HEADING, *rows]))


def _image(image: Any) -> Iterator[str]:
    parts = [part for part in image.get("Manifests") or [] if part["Kind"] != "attestation"]
    content = sum(part["Size"]["Content"] for part in parts if part["Available"])
    total = sum(part["Size"]["Total"] for part in parts if part["Available"])
    first, *others = image.get("RepoTags") or image.get("RepoDigests") or ["<untagged>"]
    yield _row(first, image["Id"], total or image["Size"], content, _is_used(image, parts))
    for name in others:
        yield f"{name}\t\t\t\t"
    if len(parts) > 1:
        for number, part in enumerate(parts, 1):
            yield _part(part, "└─" if number == len(parts) else "├─")


def _part(part: Any, branch: str) -> str:
    platform = part.get("ImageData", {}).get("Platform") or {}
    words = [platform.get(key) for key in ("os", "architecture", "variant")]
    name = "/".join(word for word in words if word) or part["Kind"]
    if not part["Available"]:
        return f"{branch} {name}\t{short_id(part['ID'])}\tnot here\t\t"
    used = bool(part.get("ImageData", {}).get("Containers"))
    sizes = part["Size"]
    return _row(f"{branch} {name}", part["ID"], sizes["Total"], sizes["Content"], used)


def _row(name: str, id: str, total: int, content: int, used: bool) -> str:
    shown = size(content) if content else "-"
    return f"{name}\t{short_id(id)}\t{size(total)}\t{shown}\t{'✔' if used else ''}"


def _is_used(image: Any, parts: list[Any]) -> bool:
    there = (part.get("ImageData", {}).get("Containers") for part in parts)
    return image.get("Containers", 0) > 0 or any(there)
