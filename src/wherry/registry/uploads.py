"""An upload of one blob: started, appended to, asked how far it is, committed, abandoned.

Source: OCI distribution spec v1.1, "Pushing blobs". Each step is one attempt; `push` knows what to
do when one fails.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from wherry.errors import Invalid, WherryError
from wherry.registry import headers
from wherry.registry.conversation import push_scope
from wherry.registry.endpoint import Call, read_refusal
from wherry.registry.exchange import Body
from wherry.registry.refusals import Temporary

if TYPE_CHECKING:
    from wherry.registry.conversation import Conversation
    from wherry.registry.exchange import Answer
    from wherry.registry.tokens import Scopes

_EMPTY: Final = Body(lambda: BytesIO(b""), 0)
_BYTES: Final = {"Content-Type": "application/octet-stream"}


def start(talk: Conversation, repository: str, digest: str, source: str) -> Upload | None:
    """Begin an upload; None when the blob was mounted from the repository `source` instead.

    A registry that cannot mount begins an upload, which is what has to be done then anyway.
    """
    scopes, query = push_scope(repository), {}
    if digest and source:
        scopes |= {f"repository:{source}:pull"}
        query = {"mount": digest, "from": source}
    call = Call("POST", f"{repository}/blobs/uploads/", scopes, query, body=_EMPTY)
    answer = talk.send(call)
    talk.expect(answer, f"push to {repository}", 202, 201)
    answer.discard()
    if answer.status == 201:
        return None
    return Upload(talk, repository, push_scope(repository), answer)


class Upload:
    """Bytes on their way into one repository; `offset` is how many the registry has."""

    def __init__(self, talk: Conversation, repository: str, scopes: Scopes, answer: Answer) -> None:
        self._talk = talk
        self._what = f"push to {repository}"
        self._scopes = scopes
        self._url = ""
        self.offset = 0
        least = answer.header("OCI-Chunk-Min-Length")
        self.least_chunk = int(least) if least.isdigit() else 0
        self._go_on(answer)
        self.offset = 0

    def append(self, body: Body) -> None:
        """Send the next bytes (PATCH). Raises Temporary when that broke: `ask` how far it came."""
        last = self.offset + body.size - 1
        fields = {**_BYTES, "Content-Range": f"{self.offset}-{last}"}
        answer = self._send(Call("PATCH", self._url, self._scopes, headers=fields, body=body))
        if answer.status in (404, 416):  # it has forgotten the upload, or counts otherwise
            refused = read_refusal(answer)
            raise Temporary(f"{self._what}: {refused.text}")
        if answer.status not in (202, 201, 204):
            raise read_refusal(answer).error(self._what, self._talk.registry.name)
        answer.discard()
        sent = self.offset + body.size
        self._go_on(answer)
        if not answer.header("Range"):
            self.offset = sent

    def ask(self) -> bool:
        """Find out how many bytes the registry has; whether it still knows the upload."""
        answer = self._send(Call("GET", self._url, self._scopes))
        answer.discard()
        if answer.status not in (200, 202, 204):
            return False
        self._go_on(answer)
        return True

    def commit(self, digest: str, rest: Body = _EMPTY) -> None:
        """Send the rest and make all of it the blob `digest`.

        Raises Invalid when the registry got other bytes.
        """
        mark = "&" if "?" in self._url else "?"
        url = f"{self._url}{mark}{urlencode({'digest': digest})}"
        answer = self._send(Call("PUT", url, self._scopes, headers=_BYTES, body=rest))
        self._talk.expect(answer, self._what, 201, 200, 204)
        answer.discard()
        told = answer.header("Docker-Content-Digest")
        if told and told != digest:
            raise Invalid(f"{self._what}: the registry stored {told} instead of {digest}")

    def abandon(self) -> None:
        """Tell the registry to forget it; if it cannot be told, it forgets by itself later."""
        try:
            self._send(Call("DELETE", self._url, self._scopes)).discard()
        except WherryError:
            return

    def _send(self, call: Call) -> Answer:
        return self._talk.registry.send(call, self._talk.cancellation)

    def _go_on(self, answer: Answer) -> None:
        location = answer.header("Location")
        if location:
            self._url = headers.absolute(location, answer.url)
        if not self._url:
            raise Invalid(f"{self._what}: the registry does not say where to send the bytes")
        self.offset = headers.upload_offset(answer.header("Range"))
