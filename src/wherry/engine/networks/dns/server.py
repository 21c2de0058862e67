"""The DNS server of one container: takes questions from its two sockets and answers them.

What the names of its networks answer is answered at once in the reader's callback; only questions
that go on to other servers become tasks. Nothing is sent to anybody but the asker, at most one
message per question and never one to a message that is itself an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import struct
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from wherry.engine.networks.dns import encode
from wherry.engine.networks.dns.decode import address_of, decode_query
from wherry.engine.networks.dns.forward import Forwarder
from wherry.engine.networks.dns.message import (
    BADVERS,
    CLASS_IN,
    LARGEST,
    NOERROR,
    NXDOMAIN,
    PROHIBITED,
    SERVFAIL,
    TYPE_A,
    TYPE_AAAA,
    TYPE_PTR,
    MalformedError,
    Query,
    RefusedError,
)
from wherry.engine.networks.dns.names import NameTable
from wherry.engine.networks.dns.sockets import Listening
from wherry.engine.networks.dns.upstream import Reply, receive
from wherry.errors import WherryError

TTL: Final = 600
"""Seconds, as Docker; clients in containers do not cache."""
AT_ONCE: Final = 64
"""Datagrams read before the loop gets to do something else."""
MOST_WAITING: Final = 512
"""Questions of one container that may wait for other servers' answers."""
MOST_CONNECTIONS: Final = 32
PATIENCE: Final = 10.0
"""Seconds that a TCP client may be silent."""

_LENGTH: Final = struct.Struct("!H")
_log = logging.getLogger(__name__)


class Policy(Protocol):
    """What an egress policy has to say about names."""

    def allows(self, name: str) -> bool:
        """Whether the name may be asked for; a refusal is recorded."""
        ...

    def learn(self, reply: Reply) -> None:
        """Open the way to the answer's addresses, before the asker has them. Raises kinds."""
        ...


class DnsServer:
    """Answers one container; `policy` may be set and taken away at any time."""

    def __init__(
        self, container_id: str, listening: Listening, names: NameTable, forwarder: Forwarder
    ) -> None:
        self.policy: Policy | None = None
        self.forwarder = forwarder
        self._container = container_id
        self._listening = listening
        self._names = names
        self._waiting: set[asyncio.Task[Any]] = set()
        self._connections: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Begin to read, in the running loop; what has come before is answered first."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listening.udp.fileno(), self._read_datagrams)
        loop.add_reader(self._listening.tcp.fileno(), self._accept)

    def close(self) -> None:
        """Stop at once and close the sockets; a second call does nothing."""
        if self._listening.udp.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listening.udp.fileno())
            loop.remove_reader(self._listening.tcp.fileno())
        for task in (*self._waiting, *self._connections):
            task.cancel()
        self.forwarder.close()
        self._listening.close()

    def _read_datagrams(self) -> None:
        for _ in range(AT_ONCE):
            try:
                data, client = self._listening.udp.recvfrom(LARGEST)
            except OSError:  # nothing more, or the echo of an answer that nobody took
                return
            self._take(data, client)

    def _take(self, data: bytes, client: tuple[str, int]) -> None:
        try:
            query = decode_query(data)
        except RefusedError as error:
            self._send(encode.refuse(error), client)
            return
        except MalformedError:
            return
        reply = self._own_answer(query)
        if reply is not None:
            self._send(encode.fit(query, reply, query.udp_size), client)
        elif len(self._waiting) >= MOST_WAITING:
            _log.warning("container %s has %d open questions", self._container, MOST_WAITING)
            self._send(encode.answer(query, SERVFAIL), client)
        else:
            self._start(self._waiting, self._forward_datagram(query, client))

    async def _forward_datagram(self, query: Query, client: tuple[str, int]) -> None:
        reply = await self._ask_others(query, tcp=False)
        self._send(encode.fit(query, reply, query.udp_size), client)

    def _send(self, data: bytes, client: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):  # the client is gone, or its buffer is full
            self._listening.udp.sendto(data, client)

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.tcp.accept()
        except OSError:
            return
        connection.setblocking(False)
        if len(self._connections) >= MOST_CONNECTIONS:
            connection.close()
            return
        self._start(self._connections, self._converse(connection))

    async def _converse(self, connection: socket.socket) -> None:
        """Questions of one connection, one after the other (RFC 7766)."""
        loop = asyncio.get_running_loop()
        with connection, contextlib.suppress(OSError, EOFError, TimeoutError, MalformedError):
            while True:
                async with asyncio.timeout(PATIENCE):
                    (length,) = _LENGTH.unpack(await receive(connection, _LENGTH.size))
                    data = await receive(connection, length)
                reply = await self._answer(data)
                async with asyncio.timeout(PATIENCE):
                    await loop.sock_sendall(connection, _LENGTH.pack(len(reply)) + reply)

    async def _answer(self, data: bytes) -> bytes:
        try:
            query = decode_query(data)
        except RefusedError as error:
            return encode.refuse(error)
        reply = self._own_answer(query) or await self._ask_others(query, tcp=True)
        return encode.fit(query, reply, LARGEST)

    def _start(self, group: set[asyncio.Task[Any]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        group.add(task)

        def done(_: asyncio.Task[Any]) -> None:
            group.discard(task)
            if not task.cancelled() and task.exception() is not None:
                _log.error("DNS of %s failed", self._container, exc_info=task.exception())

        task.add_done_callback(done)

    def _own_answer(self, query: Query) -> bytes | None:
        """The answer where no other server has to be asked."""
        if query.edns_version:
            return encode.answer(query, BADVERS)
        if query.cls == CLASS_IN:
            known = self._known(query)
            if known is not None:
                return known
        addresses = query.type in (TYPE_A, TYPE_AAAA)
        if addresses and self.forwarder.settings.ndots and "." not in query.name:
            return encode.answer(query, NOERROR)  # the client goes on with its search domains
        if self.policy is not None and not self.policy.allows(query.name):
            return encode.answer(query, NXDOMAIN, extended_error=PROHIBITED)
        return None

    def _known(self, query: Query) -> bytes | None:
        if query.type == TYPE_PTR:
            address = address_of(query.name)
            name = self._names.reverse(self._container, address) if address else None
            return encode.answer_name(query, name, TTL) if name else None
        found = self._names.lookup(self._container, query.name)
        if found is None:
            return None
        addresses = {TYPE_A: found.ipv4, TYPE_AAAA: found.ipv6}.get(query.type, ())
        # In an order of chance, which spreads the load over the containers behind one alias.
        return encode.answer_addresses(query, random.sample(addresses, len(addresses)), TTL)

    async def _ask_others(self, query: Query, *, tcp: bool) -> bytes:
        reply = await self.forwarder.ask(query, tcp=tcp)
        if reply is None:
            return encode.answer(query, SERVFAIL)
        if self.policy is not None:
            try:
                self.policy.learn(reply)
            except WherryError as error:
                _log.error("the way to %s stays shut: %s", query.name, error)
                return encode.answer(query, SERVFAIL)
        return encode.pass_on(query, reply.data, reply.response)
