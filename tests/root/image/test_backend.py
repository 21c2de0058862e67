"""The role `ImageBackend` over real stores: what the API sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from tests.root.image.harness import Engine, directory, file, tar
from tests.root.image.test_archives import BASE, OTHER, TOP, config, docker_archive
from wherry.api.backend import ImageBackend
from wherry.engine.events import EventLog
from wherry.engine.images import Images
from wherry.engine.values.events import EventQuery
from wherry.engine.values.images import ImageQuery, ImportRequest, Progress
from wherry.errors import Conflict, Invalid, NotFound
from wherry.image.removal import ImageUser
from wherry.registry.config import RegistryConfig
from wherry.spec import digest as digests


class Containers:
    """Who uses which image."""

    def __init__(self) -> None:
        self.by_image: dict[str, list[ImageUser]] = {}

    def users_of(self, image_id: str) -> Sequence[ImageUser]:
        return self.by_image.get(image_id, [])


@pytest.fixture
def containers() -> Containers:
    return Containers()


@pytest.fixture
def images(engine: Engine, containers: Containers) -> Iterator[Images]:
    made = Images(engine.stores, engine.images, containers, EventLog(), RegistryConfig())
    yield made
    made.close()


async def stream(data: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[start : start + size]


async def told(news: AsyncIterator[Progress]) -> list[Progress]:
    return [piece async for piece in news]


async def load(images: Images, archive: bytes) -> list[Progress]:
    return await told(await images.load(stream(archive), quiet=True))


async def actions(images: Images) -> list[str]:
    events = await images._events.subscribe(EventQuery(since=0, until=2**62))
    seen = []
    while True:
        try:
            seen.append((await asyncio.wait_for(anext(events), 0.2)).action)
        except (TimeoutError, StopAsyncIteration):
            return seen


async def test_load_list_tag_history_save_remove(engine: Engine, images: Images) -> None:
    backend: ImageBackend = images
    document = config(BASE, TOP, history=[
        {"created_by": "one"}, {"created_by": "none", "empty_layer": True}, {"created_by": "two"},
    ])  # fmt: skip
    news = await load(images, docker_archive((["a:1"], document, [BASE, TOP])))
    assert [piece.stream for piece in news] == ["Loaded image: a:1\n"]
    await backend.tag("a:1", "host:5000/b", "")
    (shown,) = await backend.list(ImageQuery(shared_size=True))
    assert shown.repo_tags == ("a:1", "host:5000/b:latest")
    assert (shown.shared_size, shown.size) == (0, 20_000 + 300)
    assert (await backend.get("a:1")).layers == (digests.of(BASE), digests.of(TOP))
    history = await backend.history("a:1")
    assert [(step.created_by, step.size) for step in history] == [
        ("two", 300),
        ("none", 0),
        ("one", 20_000),
    ]
    assert history[0].id == shown.id
    saved = b"".join([portion async for portion in await backend.save(["a:1"])])
    removed = await backend.remove(shown.id, force=True, prune=True)
    assert [step.kind for step in removed] == ["untagged"] * 2 + ["deleted"] * 3
    assert engine.nothing_left()
    await load(images, saved)
    assert (await backend.get("a:1")).id == shown.id
    assert await actions(images) == ["load", "tag", "save", "untag", "untag", "delete", "load"]


async def test_names_asked_for_are_the_names_saved(images: Images) -> None:
    await load(images, docker_archive((["a:1", "a:latest", "b:1"], config(BASE), [BASE])))
    await load(images, docker_archive((["a:2"], config(TOP), [TOP])))
    id = (await images.get("a:1")).id

    def names(refs: Sequence[str]) -> list[list[str]]:
        return [[name.familiar for name in one.names] for one in images._saved(refs)]

    assert names(["a:1"]) == [["a:1"]]
    assert names([id]) == [[]]
    assert names([id[7:15], "b:1", "a:1"]) == [["b:1", "a:1"]]
    assert sorted(name for one in names(["a"]) for name in one) == ["a:1", "a:2", "a:latest"]
    assert names(["b"]) == [["b:1"]]
    with pytest.raises(NotFound):
        await images.save(["a:1", "c"])


async def test_import(engine: Engine, images: Images) -> None:
    request = ImportRequest("made:1", "by hand", ('CMD ["sh"]', "ENV A=b"), "linux/arm64")
    root = tar([directory("etc"), file("etc/x", b"x")])
    news = await told(await images.import_root(stream(root), request))
    image = await images.get("made:1")
    assert [piece.status for piece in news] == [image.id]
    assert image.config == {"Cmd": ["sh"], "Env": ["A=b"]}
    assert (image.architecture, image.variant, image.comment) == ("arm64", "v8", "by hand")
    for bad in (
        ImportRequest(changes=("RUN x",)),
        ImportRequest(reference="A B"),
        ImportRequest(platform="a/b/c/d"),
    ):
        with pytest.raises(Invalid):
            await images.import_root(stream(root), bad)
    for data in (b"", b"no tar" * 1000, root[:700]):
        with pytest.raises(Invalid):
            await told(await images.import_root(stream(data), ImportRequest()))
    assert len(list(engine.images.images())) == 1


async def test_a_bad_archive_and_a_client_that_goes_away(engine: Engine, images: Images) -> None:
    archive = docker_archive((["a:1"], config(BASE), [BASE]))
    with pytest.raises(Invalid):
        await load(images, archive[:3000])

    async def broken() -> AsyncIterator[bytes]:
        yield archive[:3000]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await told(await images.load(broken(), quiet=True))
    assert engine.nothing_left()


async def test_an_interrupted_save_leaves_the_image_usable(images: Images) -> None:
    await load(images, docker_archive((["a:1"], config(BASE), [BASE])))
    portions = await images.save(["a:1"])
    await anext(portions)
    await portions.aclose()  # type: ignore[attr-defined]
    assert b"".join([portion async for portion in await images.save(["a:1"])])


async def test_prune(engine: Engine, images: Images, containers: Containers) -> None:
    await load(images, docker_archive(
        (["a:1"], config(BASE), [BASE]), ([], config(TOP), [TOP]), ([], config(OTHER), [OTHER]),
    ))  # fmt: skip
    used = digests.of(config(OTHER))
    containers.by_image[used] = [ImageUser("c" * 64, running=False)]
    pruned = await images.prune({})
    assert next(step.name for step in pruned.removed) == digests.of(config(TOP))
    assert pruned.space == 300
    pruned = await images.prune({"dangling": ("false",)})
    assert [step.kind for step in pruned.removed] == ["untagged", "deleted", "deleted"]
    assert [image.id for image in engine.images.images()] == [used]


async def test_a_snapshot_keeps_the_layers_of_a_removed_image(
    engine: Engine, images: Images
) -> None:
    await load(images, docker_archive((["a:1"], config(BASE), [BASE])))
    engine.stores.snapshotter.prepare("box", [digests.of(BASE)])
    removed = await images.remove("a:1", force=True, prune=True)
    assert [step.kind for step in removed] == ["untagged", "deleted"]
    assert engine.layers.has(digests.of(BASE))
    engine.stores.snapshotter.remove("box")
    assert engine.nothing_left()


async def test_refusals(images: Images) -> None:
    with pytest.raises(NotFound, match="No such image: nothing:latest"):
        await images.get("nothing")
    await load(images, docker_archive((["a:1"], config(BASE), [BASE])))
    for repository, tag in (("A", ""), ("a", "b c"), ("a b", "")):
        with pytest.raises(Invalid):
            await images.tag("a:1", repository, tag)
    with pytest.raises(Conflict):
        await images.tag("a:1", f"a@sha256:{'0' * 64}", "")


async def test_parallel_loads_of_one_image(engine: Engine, images: Images) -> None:
    archive = docker_archive((["a:1"], config(BASE, TOP), [BASE, TOP]))
    await asyncio.gather(*(load(images, archive) for _ in range(4)))
    assert len(list(engine.images.images())) == 1
    assert json.loads((engine.images.resolve("a:1")).document)["os"] == "linux"
    assert len(engine.layers.all()) == 2


async def test_pruning_clears_broken_off_downloads(engine: Engine, images: Images) -> None:
    partials = engine.stores.content.partials
    with partials.open(digests.of(BASE)) as partial:
        partial.write(memoryview(BASE[:8192]))
    size = partials.usage().size
    assert size > 0
    assert (await images.prune({"label": ("other",)})).space == 0
    assert partials.usage().size == size  # somebody meant other images
    assert (await images.prune({})).space == size
    assert partials.usage().size == 0
    assert engine.nothing_left()
