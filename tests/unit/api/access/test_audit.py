"""The audit log: what stands in a line, and that files stay small and few."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.api.access.test_accessmap import request, who
from wherry.api.access.audit import Audited, AuditLog
from wherry.http.message import Answer, Request, Response


async def test_a_line_tells_who_what_and_the_answer(tmp_path: Path) -> None:
    async def refuse(request: Request) -> Answer:
        return Response(403, {}, b'{"message":"no"}\n')

    path = tmp_path / "a" / "log"
    asked = request(who(4), "POST", "/v1.44/containers/web/start")
    await Audited(refuse, "ci", AuditLog(str(path)))(asked)
    line = json.loads(path.read_text())
    assert line.pop("time").endswith("Z")
    assert line.pop("exe") == "" or line
    assert line == {
        "socket": "ci",
        "uid": 4,
        "gid": 100,
        "pid": 7,
        "verb": "container:start",
        "object": "web",
        "request": "POST /v1.44/containers/web/start",
        "answer": 403,
        "why": "no",
    }
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_client_that_goes_away_is_told_of(tmp_path: Path) -> None:
    async def fail(request: Request) -> Answer:
        raise ConnectionResetError

    path = tmp_path / "log"
    with pytest.raises(ConnectionResetError):
        await Audited(fail, "ci", AuditLog(str(path)))(request(who(4)))
    assert json.loads(path.read_text())["answer"] == 0


def test_files_are_bounded(tmp_path: Path) -> None:
    log = AuditLog(str(tmp_path / "log"), largest=200, files=3)
    for number in range(100):
        log.write({"n": number, "text": "x" * 50})
    assert sorted(path.name for path in tmp_path.iterdir()) in (
        ["log", "log.1", "log.2"],
        ["log.1", "log.2"],
    )
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 300
    newest = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    newest = newest or (tmp_path / "log.1").read_text()
    assert json.loads(newest.splitlines()[-1])["n"] == 99


def test_a_full_disk_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    log = AuditLog(str(tmp_path / "file" / "log"))
    log.write({})
    log.write({})
    assert caplog.text.count("cannot be written") == 1
