"""Which images a list or prune request means, and the facts shown of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.engine.timestamps import parse_moment
from wherry.engine.values.images import HistoryEntry, ImageFacts
from wherry.errors import Invalid
from wherry.spec import instant, reference

if TYPE_CHECKING:
    from wherry.image.record import Image
    from wherry.image.store import ImageStore
    from wherry.storage.layer import LayerStore

Test = Callable[["Image"], bool]
Filters = Mapping[str, tuple[str, ...]]

_TRUTHS = {"1": True, "true": True, "t": True, "0": False, "false": False, "f": False}


def select(store: ImageStore, filters: Filters, *, everything: bool) -> list[Image]:
    """The images that match, newest first; untagged parents only with `everything`.

    Raises Invalid for a value that makes no sense, NotFound for `before`/`since` of no image.
    """
    tests = [test for name, values in filters.items() for test in _tests(store, name, values)]
    images = list(store.images())
    parents = {image.parent for image in images}
    chosen = [
        image
        for image in images
        if (everything or is_named(image) or image.id not in parents)
        and not is_behind(image)
        and all(test(image) for test in tests)
    ]
    return sorted(chosen, key=lambda image: (-image.created, image.id))


def is_named(image: Image) -> bool:
    """Whether the image has a tag or a digest name."""
    return bool(image.tags or image.digests)


def is_behind(image: Image) -> bool:
    """Whether it is only reached through the name of an index, which leads to another image."""
    return bool(image.roots) and not is_named(image)


def _tests(store: ImageStore, name: str, values: tuple[str, ...]) -> Iterable[Test]:
    """One test per filter; several values of `label` must all fit, of `reference` any."""
    if name == "dangling":
        wanted = truth(name, values)
        yield lambda image: (not image.tags) == wanted
    elif name in ("label", "label!"):
        for value in values:
            yield _label(value, wanted=name == "label")
    elif name == "reference":
        patterns = [_pattern(value) for value in values]
        yield lambda image: any(_matches(tag, patterns) for tag in (*image.tags, *image.digests))
    elif name == "before":
        latest = min(store.resolve(value).created for value in values)
        yield lambda image: image.created < latest
    elif name == "since":
        earliest = max(store.resolve(value).created for value in values)
        yield lambda image: image.created > earliest
    elif name == "until":
        moment = min(parse_moment(value) for value in values)
        yield lambda image: image.created < moment
    else:
        raise Invalid(f"invalid filter '{name}'")


def truth(name: str, values: Sequence[str]) -> bool:
    """The one truth value of a filter. Raises Invalid."""
    found = {_TRUTHS.get(value.lower()) for value in values}
    if len(found) != 1 or None in found:
        raise Invalid(f"invalid filter '{name}={','.join(values)}'")
    return bool(found.pop())


def _label(value: str, *, wanted: bool) -> Test:
    key, equals, text = value.partition("=")

    def test(image: Image) -> bool:
        labels = image.config.labels
        return (key in labels and (not equals or labels[key] == text)) == wanted

    return test


def _pattern(value: str) -> re.Pattern[str]:
    """Go's path.Match: `*` and `?` stop at a slash, `[...]` is a class, a backslash quotes."""
    return re.compile(
        "".join(_PARTS.get(part[0], re.escape)(part) for part in _SPLIT.findall(value))
    )


_SPLIT = re.compile(r"\\.|\[[^\]]+\]|.", re.DOTALL)
_PARTS: Mapping[str, Callable[[str], str]] = {
    "*": lambda part: "[^/]*",
    "?": lambda part: "[^/]",
    "[": lambda part: part if part.endswith("]") else re.escape(part),
    "\\": lambda part: re.escape(part[1:]),
}


def _matches(name: str, patterns: Sequence[re.Pattern[str]]) -> bool:
    """Against the whole reference and against the repository, both as people write them."""
    parsed = reference.parse(name)
    return any(
        pattern.fullmatch(text)
        for pattern in patterns
        for text in (parsed.familiar, parsed.familiar_name)
    )


def narrowed(shown: ImageFacts, filters: Filters) -> ImageFacts:
    """With the filter `reference`, an image shows only the names that the filter fits."""
    if not (values := filters.get("reference")):
        return shown
    patterns = [_pattern(value) for value in values]
    tags = tuple(tag for tag in shown.repo_tags if _matches(tag, patterns))
    return replace(shown, repo_tags=tags)


def facts(image: Image, driver: str, driver_data: Mapping[str, str]) -> ImageFacts:
    """What the API shows of an image; counts that need a search are left out."""
    config = image.config
    return ImageFacts(
        id=image.id,
        repo_tags=tuple(reference.parse(tag).familiar for tag in image.tags),
        repo_digests=tuple(reference.parse(name).familiar for name in image.digests),
        parent=image.parent,
        comment=config.text("comment"),
        created=image.created if config.created else None,
        last_tagged=image.last_tagged or None,
        docker_version=config.text("docker_version"),
        author=config.author,
        config=config.config,
        architecture=config.platform.architecture,
        variant=config.platform.variant,
        os=config.platform.os,
        os_version=config.text("os.version"),
        size=image.size,
        layers=image.layers,
        driver=driver,
        driver_data=driver_data,
    )


def shared_sizes(images: Sequence[Image], layers: LayerStore) -> dict[str, int]:
    """For each image the bytes in layers that another image has too."""
    users = Counter(diff_id for image in images for diff_id in set(image.layers))
    sizes = {layer.diff_id: layer.size for layer in layers.all()}
    return {
        image.id: sum(sizes.get(diff_id, 0) for diff_id in set(image.layers) if users[diff_id] > 1)
        for image in images
    }


def history(image: Image, layers: LayerStore) -> list[HistoryEntry]:
    """The steps, newest first; only the newest is known to be this image."""
    sizes = [layers.get(diff_id).size for diff_id in image.layers]
    entries: list[HistoryEntry] = []
    for step in image.config.history:
        size = 0 if step.empty_layer or not sizes else sizes.pop(0)
        entries.append(
            HistoryEntry(
                "<missing>", _instant(step.created), step.created_by, (), size, step.comment
            )
        )
    if not entries:
        entries = [HistoryEntry("<missing>", image.created, "", (), size, "") for size in sizes]
    return _with_identity(image, entries)


def _with_identity(image: Image, entries: list[HistoryEntry]) -> list[HistoryEntry]:
    entries.reverse()
    if entries:
        first = entries[0]
        tags = tuple(reference.parse(tag).familiar for tag in image.tags)
        entries[0] = HistoryEntry(
            image.id, first.created, first.created_by, tags, first.size, first.comment
        )
    return entries


def _instant(created: str) -> int:
    try:
        return instant.parse(created)
    except Invalid:
        return 0
