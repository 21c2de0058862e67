"""Figures in Prometheus' text format (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from wherry.http.message import Request, Response
from wherry.registry.server.routes import Route


class Metrics:
    """Counts of one process. `stored` tells what is kept, at the moment that it is asked for."""

    def __init__(self, stored: Callable[[], Mapping[str, int]]) -> None:
        self._stored = stored
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._sent = 0
        self.counters: Counter[str] = Counter()

    def note(
        self, method: str, route: Route | None, status: int, seconds: float, sent: int
    ) -> None:
        """One request was answered, `sent` being the bytes of a blob."""
        endpoint = route.endpoint.name.lower() if route else "none"
        method = method if method in _METHODS else "other"
        self._requests[endpoint, method, status] += 1
        self._seconds[endpoint, method] += seconds
        self._sent += sent

    async def page(self, request: Request) -> Response:
        """GET /metrics."""
        body = "".join(f"{line}\n" for line in self._lines()).encode()
        return Response(200, {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}, body)

    def _lines(self) -> Iterator[str]:
        yield from _head("requests_total", "counter", "Requests by endpoint, method and status.")
        for (endpoint, method, status), count in sorted(self._requests.items()):
            labels = f'endpoint="{endpoint}",method="{method}",status="{status}"'
            yield f"wherry_registry_requests_total{{{labels}}} {count}"
        yield from _head("request_seconds_total", "counter", "Seconds until answers began.")
        for (endpoint, method), seconds in sorted(self._seconds.items()):
            labels = f'endpoint="{endpoint}",method="{method}"'
            yield f"wherry_registry_request_seconds_total{{{labels}}} {seconds:.6f}"
        yield from _head("blob_bytes_sent_total", "counter", "Bytes of blobs in answers.")
        yield f"wherry_registry_blob_bytes_sent_total {self._sent}"
        for name, count in sorted(self.counters.items()):
            yield from _head(f"{name}_total", "counter", _COUNTERS.get(name, name))
            yield f"wherry_registry_{name}_total {count}"
        for name, value in sorted(self._stored().items()):
            yield from _head(name, "gauge", f"Number of {name.replace('_', ' ')} kept.")
            yield f"wherry_registry_{name} {value}"


_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"})
_COUNTERS = {
    "collected_bytes": "Bytes that the collection of garbage gave back.",
    "collected_manifests": "Manifests that the collection of garbage removed.",
    "cache_hits": "Pulls that the cache could answer by itself.",
    "cache_misses": "Pulls for which the upstream registry was asked.",
    "cache_stale": "Pulls answered from the cache since the upstream did not answer.",
}


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP wherry_registry_{name} {text}"
    yield f"# TYPE wherry_registry_{name} {kind}"
