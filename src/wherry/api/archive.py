"""Files into containers and out of them over HTTP: what `docker cp` uses."""

from __future__ import annotations

import base64
import stat
from typing import Final

from wherry.api.answers import json_bytes
from wherry.api.call import Call
from wherry.api.timestamps import rfc3339_nano
from wherry.engine.values.archives import Extraction, PathFacts
from wherry.http.message import Answer, Response, Stream

_STAT: Final = "X-Docker-Container-Path-Stat"
# Go's fs.FileMode: bits of its own above the nine of the permissions.
_KINDS: Final = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_BITS: Final = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))


async def head(call: Call) -> Answer:
    """HEAD /containers/{name}/archive?path=: what is there, in a header."""
    facts = await call.engine.containers.stat_path(call.path["name"], call.query.text("path"))
    return Response(200, {_STAT: _encoded(facts)})


async def get(call: Call) -> Answer:
    """GET /containers/{name}/archive?path=: what is there, as a tar stream."""
    found = await call.engine.containers.read_path(call.path["name"], call.query.text("path"))
    headers = {"Content-Type": "application/x-tar", _STAT: _encoded(found.facts)}
    return Stream(200, headers, found.chunks)


async def put(call: Call) -> Answer:
    """PUT /containers/{name}/archive?path=: unpack a tar stream there."""
    query = call.query
    extraction = Extraction(
        query.text("path"),
        no_overwrite=query.flag("noOverwriteDirNonDir"),
        as_user=query.flag("copyUIDGID"),
    )
    await call.engine.containers.extract(call.path["name"], extraction, call.request.body)
    return Response(200)


def _encoded(facts: PathFacts) -> str:
    value = {
        "name": facts.name,
        "size": facts.size,
        "mode": go_mode(facts.mode),
        "mtime": rfc3339_nano(facts.mtime),
        "linkTarget": facts.link_target,
    }
    return base64.b64encode(json_bytes(value).rstrip(b"\n")).decode()


def go_mode(mode: int) -> int:
    """A mode of lstat(2) as Go's fs.FileMode."""
    found = stat.S_IMODE(mode) & 0o777 | _KINDS.get(stat.S_IFMT(mode), 0)
    for bit, go_bit in _BITS:
        if mode & bit:
            found |= go_bit
    return found
