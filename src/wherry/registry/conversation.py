"""Requests that a registry or its mirrors answer, tried again while that makes sense."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wherry.errors import Invalid, WherryError
from wherry.registry import headers
from wherry.registry.endpoint import Call, read_refusal
from wherry.registry.netfailures import Unreachable
from wherry.registry.retry import Backoff, persist

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from wherry.registry.cancellation import Cancellation
    from wherry.registry.endpoint import Endpoint
    from wherry.registry.exchange import Answer
    from wherry.registry.tokens import Scopes

_Result = TypeVar("_Result")
_LONGEST_PAGE: Final = 16 << 20  # bytes


class Conversation:
    """One registry, its mirrors, and what was learnt about them. Any thread."""

    def __init__(
        self,
        registry: Endpoint,
        mirrors: tuple[Endpoint, ...],
        backoff: Backoff,
        cancellation: Cancellation,
    ) -> None:
        self.registry = registry
        self.cancellation = cancellation
        self._mirrors = mirrors
        self._backoff = backoff
        self._unreachable: set[str] = set()

    def read(
        self,
        work: Callable[[Endpoint], _Result],
        *,
        avoid: Collection[str] = (),
        once: bool = False,
    ) -> _Result:
        """What the first mirror that can gives, else the registry.

        A mirror has one attempt, and none more in this conversation once it could not be reached;
        the registry has several, unless `once`. What it says in the end is what is raised.
        """
        for mirror in self._mirrors:
            if mirror.name in self._unreachable or mirror.name in avoid:
                continue
            try:
                return work(mirror)
            except Unreachable:
                self._unreachable.add(mirror.name)
            except WherryError:
                continue  # the next may have it; the registry tells the reason that counts
        return work(self.registry) if once else self.write(lambda: work(self.registry))

    def direct(self) -> Conversation:
        """The same without the mirrors, which may lag behind."""
        return Conversation(self.registry, (), self._backoff, self.cancellation)

    def write(self, work: Callable[[], _Result]) -> _Result:
        """Work at the registry itself, tried again while it fails for a time."""
        return persist(work, self._backoff, self.cancellation)

    def has(self, head: Call, what: str) -> bool:
        """Whether the registry itself answers a HEAD with 200; 404 is no."""
        answer = self.send(head)
        if answer.status == 404:
            answer.discard()
            return False
        self.expect(answer, what, 200)
        answer.discard()
        return True

    def pages(self, call: Call, what: str) -> Iterator[Mapping[str, Any]]:
        """The JSON documents of a list, from page to page, all from the registry itself."""
        while True:
            answer = self.send(call)
            self.expect(answer, what, 200)
            link, url = answer.header("Link"), answer.url
            yield read_object(answer, what)
            following = headers.next_page(link, url)
            if not following or following == url:
                return
            call = Call("GET", following, call.scopes)

    def send(self, call: Call) -> Answer:
        """The registry's own answer."""
        return self.write(lambda: self.registry.send(call, self.cancellation))

    def expect(self, answer: Answer, what: str, *statuses: int) -> None:
        """Raises what the refusal of `what` means, unless the status is one of these."""
        if answer.status not in statuses:
            raise read_refusal(answer).error(what, self.registry.name)

    def close(self) -> None:
        """Close all connections."""
        for endpoint in (*self._mirrors, self.registry):
            endpoint.close()


def read_object(answer: Answer, what: str) -> Mapping[str, Any]:
    """A JSON object that was answered. Raises Invalid."""
    try:
        document = json.loads(answer.read(_LONGEST_PAGE))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{what}: the registry's answer is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Invalid(f"{what}: the registry's answer is no JSON object")
    return document


def pull_scope(repository: str) -> Scopes:
    """The right to read a repository."""
    return frozenset({f"repository:{repository}:pull"})


def push_scope(repository: str) -> Scopes:
    """The right to read and write a repository."""
    return frozenset({f"repository:{repository}:pull,push"})
