"""Ownership mapping: whose a mount's files are on disk, and as whose a container sees them.

An id-mapped mount (mount_setattr(2)) shows the files of one owner as the container user's, and
what that user makes there lands as the owner's; nothing is chowned. Forms, in `-v src:dst:FORM`
and, without "idmap=", in `bind-idmap=` and `volume-idmap=` (docs/ownership.md):

    idmap, idmap=owner, idmap=match-user    the owner is the source's own
    idmap=match-user:USER[:GROUP]           the same, seen as that user of the container's
    idmap=caller                            ... whoever asked for the container
    idmap=none                              not mapped, whatever the daemon's default is
    idmap=userns                            ids on disk are those inside of its user namespace
    idmap=uids=D-C-N[#D-C-N...][;gids=...]  N ids from D on disk are C and so on in the container

Kept in `MountPoint.idmap` as one of `owner`, `match-user:USER`, `UID:GID`, `none`, `userns`, and
the last form.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wherry.engine.containers.idrows import IdRow, IdRows
from wherry.errors import Invalid

WORD: Final = "idmap"
USERNS: Final = "userns"
MATCH: Final = "match-user"
NONE: Final = "none"
UNMAPPED: Final = (NONE, USERNS)
"""Forms for which nobody has to be found: nothing is mapped, or the container's maps are."""
_OWNER: Final = ("", "owner", "match-user")
_ALL: Final = 2**32 - 1  # ids; the one above is "no id" (user_namespaces(7))
_MOST_ROWS: Final = 340
_FORMS: Final = "write owner, caller, or uids=DISK-CONTAINER-COUNT;gids=DISK-CONTAINER-COUNT"


@dataclass(frozen=True, slots=True)
class Ids:
    """A user and a group, by number."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Both maps of one mount: rows of first id on disk, the id as which it is seen, how many."""

    uids: IdRows
    gids: IdRows


def is_word(text: str) -> bool:
    """Whether a word of a `-v` mode asks for a mapping."""
    return text.partition("=")[0] == WORD


def form_of(words: Sequence[str]) -> str:
    """The form that the words of a `-v` mode ask for, "" for none."""
    word = next((word for word in words if is_word(word)), "")
    return (word.partition("=")[2] or "owner") if word else ""


def resolved(form: str, caller: Ids | None) -> str:
    """What `MountPoint.idmap` keeps of a form. Raises Invalid, Unsupported."""
    if form in _OWNER:
        return "owner"
    if form == "caller":
        if caller is None:
            raise Invalid(
                "idmap=caller: who asks is known on a unix socket only",
                hint="connect over the unix socket, or write idmap=owner",
            )
        return f"{caller.uid}:{caller.gid}"
    if form in UNMAPPED:
        return form
    if form.partition(":")[0] == MATCH:
        return form
    given(form)
    return form


def given(form: str) -> Mapping:
    """The maps that `uids=...;gids=...` gives; one that is left out is as the other.

    Raises Invalid.
    """
    found: dict[str, IdRows] = {}
    for part in form.split(";"):
        key, equals, text = part.partition("=")
        if not equals or key not in ("uids", "gids") or key in found:
            raise Invalid(f"invalid idmap: {form}", hint=_FORMS)
        found[key] = tuple(_row(row, form) for row in text.split("#"))
        _check(found[key], form)
    uids, gids = found.get("uids"), found.get("gids")
    return Mapping(uids or gids or (), gids or uids or ())


def _row(text: str, form: str) -> IdRow:
    words = text.split("-")
    if len(words) != 3 or not all(word.isascii() and word.isdigit() for word in words):
        raise Invalid(f"invalid idmap: {form}: '{text}' is no row of a map", hint=_FORMS)
    disk, seen, count = map(int, words)
    if not count or max(disk, seen) + count > _ALL:
        raise Invalid(f"invalid idmap: {form}: '{text}' is outside of 0 to {_ALL - 1}")
    return disk, seen, count


def _check(rows: IdRows, form: str) -> None:
    """Each id once on either side, as the kernel wants it (user_namespaces(7))."""
    if len(rows) > _MOST_ROWS:
        raise Invalid(f"invalid idmap: more than {_MOST_ROWS} rows")
    for side in (0, 1):
        spans = sorted((row[side], row[2]) for row in rows)
        if any(a + count > b for (a, count), (b, _) in itertools.pairwise(spans)):
            raise Invalid(f"invalid idmap: {form}: two rows name the same id")


def matched_user(kept: str) -> str:
    """The user that `MountPoint.idmap` names, "" for the container's own."""
    word, _, user = kept.partition(":")
    return user if word == MATCH else ""


def mapping(kept: str, source: Ids, user: Ids, *, alone: bool = False) -> Mapping | None:
    """The maps for what `MountPoint.idmap` keeps; None where nothing would change.

    `source` owns the source on disk, `user` is the container's, or the one that is matched. With
    `alone` all others' files are nobody's, as is right in a user namespace: what its root may
    reach is to be the owner's.
    """
    if "=" in kept:
        return given(kept)
    owner = source
    if kept != "owner" and not matched_user(kept):
        uid, _, gid = kept.partition(":")
        owner = Ids(int(uid), int(gid))
    if alone:
        return Mapping(((owner.uid, user.uid, 1),), ((owner.gid, user.gid, 1),))
    if owner == user:
        return None
    return Mapping(one_as(owner.uid, user.uid), one_as(owner.gid, user.gid))


def one_as(disk: int, seen: int) -> IdRows:
    """`disk` is seen as `seen`, every other id as itself.

    What on disk is `seen`'s is nobody's, and so is what `disk` would make there: two owners cannot
    be one, and a swap would let an unprivileged `disk` in the container make files of root's.
    """
    if disk == seen:
        return ((0, 0, _ALL),)
    low, high = sorted((disk, seen))
    others = ((0, low), (low + 1, high - low - 1), (high + 1, _ALL - high - 1))
    return ((disk, seen, 1), *((first, first, count) for first, count in others if count > 0))
