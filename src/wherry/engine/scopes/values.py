"""What a scoped socket lets do: facts, as the database keeps them and clients ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wherry.spec.jsonfields import number, pairs, strings, text


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """A socket that is wanted (body of POST /wherry/sockets/create, Wherry's own).

    `allow` are verbs, kinds of objects ("container") or "read"; `ttl` is nanoseconds, 0 for ever;
    `owner` is USER[:GROUP], names or numbers; the rest as in `Scope`. `parent` and `until` (an
    `expires` that is not passed) are never the client's to say.
    """

    name: str = text("Name")
    allow: tuple[str, ...] | None = strings("Allow")
    labels: Mapping[str, str] | None = pairs("Labels")
    ttl: int = number("TTL")
    path: str = text("Path")
    owner: str = text("Owner")
    bind_root: str = text("BindRoot")
    images: tuple[str, ...] | None = strings("Images")
    parent: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """A socket and the part of the engine that is reached through it.

    `verbs` are those of `wherry.api.access.verbs`, `allow` the words that meant them. With `labels`
    only what carries all of them is there, and whatever is made gets them. `bind_root` is the
    directory that binds come from ("": there are no binds), `images` are patterns of the names that
    may be used (none: any, but then no name may be changed). `created` and `expires` are
    nanoseconds since the epoch, `expires` 0 for never. The file at `path` belongs to `uid` and
    `gid`; gid -1 means that the owner alone may connect. `parent` is the socket through which this
    one was made, and with which it goes ("" for none).
    """

    name: str
    path: str
    created: int
    allow: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    expires: int = 0
    uid: int = 0
    gid: int = -1
    bind_root: str = ""
    images: tuple[str, ...] = ()
    parent: str = ""
