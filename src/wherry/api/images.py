"""Images over HTTP: one function per endpoint."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from wherry.api import filters, registry_auth
from wherry.api.answers import json_response
from wherry.api.call import Call
from wherry.api.image_render import inspected, removals, step, summarised
from wherry.api.progress import progress_stream
from wherry.engine.values.images import ImageQuery, ImportRequest, PullRequest, PushRequest
from wherry.errors import Invalid, Unsupported
from wherry.http.message import Answer, Response, Stream
from wherry.spec import reference as references

TAR = {"Content-Type": "application/x-tar"}


async def list_all(call: Call) -> Answer:
    """GET /images/json."""
    query = call.query
    wanted = ImageQuery(
        all=query.flag("all"),
        shared_size=query.flag("shared-size"),
        manifests=query.flag("manifests"),
        filters=filters.parse(query.text("filters"), filters.IMAGES),
    )
    images = await call.engine.images.list(wanted)
    return json_response([summarised(image, call.version) for image in images])


async def inspect(call: Call) -> Answer:
    """GET /images/{name}/json."""
    image = await call.engine.images.get(
        call.path["name"],
        platform=_platform_text(call.query.text("platform")),
        manifests=call.query.flag("manifests"),
    )
    return json_response(inspected(image, call.version))


async def history(call: Call) -> Answer:
    """GET /images/{name}/history."""
    platform = _platform_text(call.query.text("platform"))
    steps = await call.engine.images.history(call.path["name"], platform=platform)
    return json_response([step(entry) for entry in steps])


async def tag(call: Call) -> Answer:
    """POST /images/{name}/tag."""
    repository, tag = call.query.text("repo"), call.query.text("tag")
    await call.engine.images.tag(call.path["name"], repository, tag)
    return Response(201)


async def remove(call: Call) -> Answer:
    """DELETE /images/{name}."""
    done = await call.engine.images.remove(
        call.path["name"],
        force=call.query.flag("force"),
        prune=not call.query.flag("noprune"),
        of=[_platform_text(text) for text in call.query.all("platforms")],
    )
    return json_response(removals(done))


async def load(call: Call) -> Answer:
    """POST /images/load: the archive streams in, the news stream out."""
    quiet = call.query.flag("quiet", default=True)
    news = await call.engine.images.load(call.request.body, quiet=quiet)
    return await progress_stream(news, early_status=False)


async def save_one(call: Call) -> Answer:
    """GET /images/{name}/get."""
    return Stream(200, TAR, await _saved(call, [call.path["name"]]))


async def _saved(call: Call, names: list[str]) -> AsyncIterator[bytes]:
    given = [_platform_text(text) for text in call.query.all("platform") if text]
    if len(given) > 1:
        raise Invalid("only one platform can be saved at a time", hint="or all of them: name none")
    return await call.engine.images.save(names, platform=given[0] if given else "")


async def save_many(call: Call) -> Answer:
    """GET /images/get?names=..."""
    names = [name for given in call.query.all("names") for name in given.split(",") if name]
    if not names:
        raise Invalid("no image is named", hint="give one or more names=...")
    return Stream(200, TAR, await _saved(call, names))


async def create(call: Call) -> Answer:
    """POST /images/create: pull (fromImage) or import (fromSrc)."""
    query = call.query
    if reference := query.text("fromImage"):
        news = await call.engine.images.pull(_pull_request(call, reference))
        return await progress_stream(news, early_status=True)
    return await _import(call)


def _pull_request(call: Call, reference: str) -> PullRequest:
    """Return what to pull; a name with neither tag nor digest means all of its tags."""
    tag = call.query.text("tag")
    if tag:
        reference += ("@" if ":" in tag else ":") + tag
    parsed = references.parse(reference)
    return PullRequest(
        reference,
        platform=call.query.text("platform"),
        all_tags=not (parsed.tag or parsed.digest),
        credentials=registry_auth.of_request(call.request),
    )


async def push(call: Call) -> Answer:
    """POST /images/{name}/push: one tag, or without `tag` every tag of the name."""
    name, tag = call.path["name"], call.query.text("tag")
    parsed = references.parse(f"{name}:{tag}" if tag else name)
    request = PushRequest(
        str(parsed),
        platform=_platform_text(call.query.text("platform")),
        all_tags=not parsed.tag,
        credentials=registry_auth.of_request(call.request),
    )
    news = await call.engine.images.push(request)
    return await progress_stream(news, early_status=True)


def _platform_text(text: str) -> str:
    """Return "os/architecture/variant"; clients since 1.46 send the platform as JSON."""
    if not text.startswith("{"):
        return text
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(f"invalid platform: {text}") from None
    parts = [str(members.get(key) or "") for key in ("os", "architecture", "variant")]
    return "/".join(part for part in parts if part)


async def _import(call: Call) -> Answer:
    query = call.query
    source = query.text("fromSrc")
    if not source:
        raise Invalid("neither fromImage nor fromSrc is given")
    if source != "-":
        raise Unsupported(
            f"importing from {source} is not supported",
            hint="fetch it and send it as the body, with fromSrc=-",
        )
    repository, tag = query.text("repo"), query.text("tag")
    request = ImportRequest(
        reference=f"{repository}:{tag}" if repository and tag else repository,
        message=query.text("message"),
        changes=tuple(query.all("changes")),
        platform=query.text("platform"),
    )
    news = await call.engine.images.import_root(call.request.body, request)
    return await progress_stream(news, early_status=True)


async def prune(call: Call) -> Answer:
    """POST /images/prune."""
    wanted = filters.parse(call.query.text("filters"), filters.IMAGES_PRUNE)
    pruned = await call.engine.images.prune(wanted)
    return json_response(
        {"ImagesDeleted": removals(pruned.removed) or None, "SpaceReclaimed": pruned.space}
    )
