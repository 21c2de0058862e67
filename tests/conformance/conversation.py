"""A client that has every answer judged by Docker's API definition (swagger.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.conformance.swagger import Judge
from tests.httpclient import Answer, Connection


class Conversation:
    """Requests on one connection; `violations` collects what is wrong with the answers to them.

    Without a judge only the status of each answer counts: so the walk itself is proved on a
    reference that speaks an older version.
    """

    def __init__(self, connection: Connection, judge: Judge | None, version: str) -> None:
        self._connection = connection
        self._judge = judge
        self._prefix = f"/v{version}"
        self.violations: list[str] = []
        self.visited: set[str] = set()
        """Method and path template of every endpoint that was asked."""

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        expect: int,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, judge the answer, and require this status."""
        answer = self._connection.request(method, self._prefix + path, body, headers)
        self._judge_answer(method, path, answer)
        if answer.status != expect and not self._excused(answer.status, expect):
            self.violations.append(
                f"{method} {path}: {answer.status}, not {expect}: {answer.body!r}"
            )
        return answer

    def read(self, method: str, path: str, body: object = None, *, expect: int = 200) -> Any:
        """As `ask`; the body as JSON."""
        return self.ask(method, path, body, expect=expect).json()

    def _excused(self, status: int, expected: int) -> bool:
        """Whether it is the reference's old way: dockerd 20.10 calls many a bad request a 500."""
        return self._judge is None and (status, expected) == (500, 400)

    def _judge_answer(self, method: str, path: str, answer: Answer) -> None:
        if self._judge is None:
            return
        operation = self._judge.operation(method, path)
        if operation is not None:
            self.visited.add(f"{method} {operation.template}")
        hijacked = path.endswith("/start") and path.startswith("/exec/")  # dockerd writes its head
        if answer.headers.get("Api-Version") is None and not hijacked:
            self.violations.append(f"{method} {path}: no Api-Version header")
        for document in _documents(answer):
            found = self._judge.violations(method, path, answer.status, document)
            self.violations += [f"{method} {path}: {answer.status}: {text}" for text in found]


def _documents(answer: Answer) -> list[Any]:
    """The JSON values of an answer: one, or one a line of a stream; [None] where it has none."""
    kind = answer.headers.get("Content-Type", "")
    if not answer.body or "json" not in kind:
        return [None] if not answer.body else []
    try:
        return [json.loads(answer.body)]
    except ValueError:
        return [json.loads(line) for line in answer.body.splitlines() if line.strip()]
