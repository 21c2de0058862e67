"""A holder gives a part of its part away, and never more."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Engine
from tests.root.sockets.conftest import Socket, Sockets, ask

_SECOND = 10**9


def give(socket: Socket, **wanted: Any) -> tuple[int, Any]:
    body = {"Name": "part", "Allow": ["container:list"], **wanted}
    return socket.ask("POST", "/wherry/sockets/create", body)


def test_a_part_of_a_part(sockets: Sockets, wherry: Engine) -> None:
    holder = sockets.make("run", "socket", TTL=3600 * _SECOND)
    mine = holder.good("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    status, made = give(holder, Labels={"more": "x"})
    assert status == 201, made
    assert (made["Name"], made["Parent"]) == (f"{holder.name}.part", holder.name)
    assert made["Labels"] == {"team": sockets.label, "more": "x"}
    assert made["Expires"] == ask(wherry, "GET", f"/wherry/sockets/{holder.name}")[1]["Expires"]
    part = Socket(wherry, made["Name"], made["Path"])
    assert part.good("ps", "-q") == ""
    assert mine[:12] in holder.good("ps", "-q")
    assert "is not allowed" in part.bad("run", "busybox")
    assert "is not allowed" in part.bad("stop", mine)
    assert [each["Name"] for each in holder.ask("GET", "/wherry/sockets")[1]] == [part.name]
    assert holder.ask("GET", f"/wherry/sockets/{holder.name}")[0] == 404
    assert holder.ask("DELETE", f"/wherry/sockets/{holder.name}")[0] == 404
    assert holder.ask("DELETE", f"/wherry/sockets/{part.name}")[0] == 204
    assert not os.path.exists(part.path)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"Allow": ["container:exec"]}, "cannot give container:exec away"),
        ({"Allow": ["socket"]}, "cannot give socket:create"),
        ({"Labels": {"team": "other"}}, 'label "team" is'),
        ({"BindRoot": "/srv"}, "the bind root can be"),
        ({"Images": ["nginx:*"]}, "images can be of reg.test/*"),
        ({"Owner": "root"}, "path and owner cannot be chosen"),
        ({"Path": "/run/x.sock"}, "path and owner cannot be chosen"),
        ({"Name": ""}, "no name is given"),
    ],
)
def test_never_more(sockets: Sockets, tmp_path: Path, wanted: dict[str, Any], message: str) -> None:
    holder = sockets.make("run", "socket", BindRoot=str(tmp_path), Images=["reg.test/*"])
    status, answer = give(holder, **wanted)
    assert status in (400, 403) and message in answer["message"], answer


def test_a_label_makes_nobody_the_owner_of_images(sockets: Sockets) -> None:
    """Without one, no image may be changed; one of its own choice would reach any."""
    holder = sockets.make("image", "socket", Labels={})
    status, answer = give(holder, Allow=["image:remove"], Labels={"org.wherry.test": "busybox"})
    assert status == 403 and "no label" in answer["message"]
    assert give(holder, Allow=["image:remove"], Images=["busybox"])[0] == 403


def test_parts_end_with_the_whole(sockets: Sockets, wherry: Engine) -> None:
    holder = sockets.make("run", "socket")
    paths = [give(holder, Name=f"p{number}")[1]["Path"] for number in range(2)]
    assert all(map(os.path.exists, paths))
    assert ask(wherry, "DELETE", f"/wherry/sockets/{holder.name}")[0] == 204
    assert not any(map(os.path.lexists, paths))
    short = sockets.make("run", "socket", TTL=2 * _SECOND)
    path = give(short, TTL=3600 * _SECOND)[1]["Path"]
    limit = time.monotonic() + 30
    while os.path.lexists(path):
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_who_may_not_make_sockets(sockets: Sockets) -> None:
    assert give(sockets.make("run"))[0] == 403
