"""`wherry images`, `wherry image ls`: list images."""

from __future__ import annotations

import time

from wherry.cli.columns import Column, Listing
from wherry.cli.command import Command
from wherry.cli.filters import encode_filters
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing
from wherry.cli.timestamps import local_text
from wherry.cli.units import short_id, size, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("all", "a", "bool", "Show intermediate images too"),
    Flag("digests", "", "bool", "Show digests"),
    Flag("filter", "f", "filter", "Show only images that meet a condition (dangling=true)"),
    TABLE_FORMAT,
    Flag("no-trunc", "", "bool", "Show ids in full"),
    Flag("quiet", "q", "bool", "Show ids only"),
    Flag("tree", "", "bool", "Show the platforms behind each name"),
)
_NONE = "<none>"


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Ask for the list and print one line for each name of each image."""
    filters = encode_filters(options.list("filter"))
    if arguments:
        filters["reference"] = {arguments[0]: True}
    if options.on("tree"):
        from wherry.cli.imagetree import check_flags, print_tree

        check_flags(options)
        query = {"all": options.on("all"), "filters": filters, "manifests": True}
        print_tree(context.api.get("/images/json", query))
        return
    images = context.api.get("/images/json", {"all": options.on("all"), "filters": filters})
    images.sort(key=lambda image: -image["Created"])
    full = options.on("no-trunc")
    if options.on("quiet") and options.text("format") in ("", "table"):
        for image in images:
            context.say(image["Id"] if full else short_id(image["Id"]))
        return
    digests = options.on("digests") or ".Digest" in options.text("format")
    rows = [row for image in images for row in image_rows(image, digests, filters)]
    print_listing(image_listing(full, options.on("digests")), rows, options.text("format"))


def image_rows(image: Any, digests: bool, filters: dict[str, dict[str, bool]]) -> list[Any]:
    """One row for each repository and tag (and digest, where wanted) of an image."""
    tags = [tag.rpartition(":") for tag in image.get("RepoTags") or [] if tag != "<none>:<none>"]
    with_digest = [
        digest.partition("@")
        for digest in image.get("RepoDigests") or []
        if digest != "<none>@<none>"
    ]
    if not tags and not with_digest:
        return [_row(image, _NONE, _NONE, _NONE)]
    rows = []
    for name, _, tag in tags:
        known = [digest for other, _, digest in with_digest if other == name] if digests else []
        rows += [_row(image, name, tag, digest) for digest in known or [_NONE]]
    named = {name for name, _, _ in tags}
    untagged = [(name, digest) for name, _, digest in with_digest if name not in named]
    if digests or not tags:
        rows += [_row(image, name, _NONE, digest) for name, digest in untagged]
    return rows


def _row(image: Any, name: str, tag: str, digest: str) -> Any:
    return {**image, "Repository": name, "Tag": tag, "Digest": digest}


def image_listing(full: bool, digests: bool) -> Listing:
    """The columns of an image."""
    now = time.time()
    middle = ("Digest",) if digests else ()
    return Listing(
        "*formatter.imageContext",
        (
            Column("ID", "IMAGE ID", lambda i: i["Id"] if full else short_id(i["Id"])),
            Column("Repository", "REPOSITORY", lambda i: i["Repository"]),
            Column("Tag", "TAG", lambda i: i["Tag"]),
            Column("Digest", "DIGEST", lambda i: i["Digest"]),
            Column("CreatedSince", "CREATED", lambda i: since(now, i["Created"])),
            Column("CreatedAt", "CREATED AT", lambda i: local_text(i["Created"])),
            Column("Size", "SIZE", lambda i: size(i["Size"])),
            Column("Containers", "CONTAINERS", lambda i: _number(i.get("Containers", -1))),
            Column("SharedSize", "SHARED SIZE", lambda i: _size(i.get("SharedSize", -1))),
            Column("UniqueSize", "UNIQUE SIZE", _unique_size),
            Column("VirtualSize", "SIZE", lambda i: size(i.get("VirtualSize", i["Size"]), 4)),
        ),
        ("Repository", "Tag", *middle, "ID", "CreatedSince", "Size"),
    )


def since(now: float, created: float) -> str:
    """How long ago; images without a time of making say N/A."""
    return f"{span(now - created)} ago" if created > 0 else "N/A"


def _number(count: int) -> str:
    return "N/A" if count == -1 else str(count)


def _size(count: int) -> str:
    return "N/A" if count == -1 else size(count)


def _unique_size(image: Any) -> str:
    if image.get("SharedSize", -1) == -1:
        return "N/A"
    return size(image["Size"] - image["SharedSize"], 4)


COMMAND = Command(
    "List images",
    run,
    arguments="[REPOSITORY[:TAG]]",
    flags=FLAGS,
    most=1,
    complete="images",
)
