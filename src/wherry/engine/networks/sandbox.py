"""A sandbox: the network namespace of one container, and the ways into it.

The kernel configures a namespace for whoever holds a netlink socket that was opened inside, so one
such socket is kept and nobody has to enter. What can only be done from inside (settings below
/proc/sys/net, opening sockets) runs in a thread that lives just for it: a thread has a network
namespace of its own, and one that ends can never serve somebody else in the wrong one.

Every descriptor kept open here keeps the namespace. Whoever owns the sandbox closes it when its
container has ended; the kernel then removes its links, their outer ends included.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeVar

from wherry.engine.containers.idrows import IdRows
from wherry.kernel.namespace import (
    CLONE_NEWNET,
    id_map,
    open_network_namespace_in,
    open_network_namespace_of_own,
    setns,
    unshare,
)
from wherry.kernel.netlink import link
from wherry.kernel.netlink.socket import NETLINK_ROUTE, NetlinkSocket

T = TypeVar("T")

OWN_NAMESPACE: Final = "/proc/thread-self/ns/net"
LOOPBACK: Final = 1  # the index of "lo" in every network namespace

DEFAULT_SETTINGS: Final[Mapping[str, str]] = {
    # Docker's: no container program needs a capability for a low port or for ping.
    "net/ipv4/ip_unprivileged_port_start": "0",
    "net/ipv4/ping_group_range": "0 2147483647",
    # Links come without IPv6 unless their endpoint has it (`enable_ipv6`). Addresses are handed
    # out by us, so nothing is to be detected or taken from a neighbour's router advertisement.
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/accept_ra": "0",
}


class Prepared(Protocol):
    """What a hook made inside a new sandbox, such as the sockets of the embedded DNS."""

    def close(self) -> None:
        """Give it up."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A veth pair made ahead of its use: the outer end's name, and the indexes of both."""

    outer: str
    outer_index: int
    inner: int


@dataclass(frozen=True, slots=True)
class Owner:
    """The user namespace of a sandbox: a new one with these maps, or the one at `path`."""

    maps: IdRows
    path: str = ""

    def network_namespace(self) -> tuple[int, int]:
        """It and a new network namespace, as descriptors. Blocks; raises OSError."""
        if not self.path:
            text = id_map(list(self.maps))
            return open_network_namespace_of_own(text, text)
        userns = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return userns, open_network_namespace_in(userns)
        except OSError:
            os.close(userns)
            raise


class Sandbox:
    """One network namespace. Make it with `make` or `open`; `close` gives it up."""

    def __init__(
        self,
        namespace: int,
        routes: NetlinkSocket,
        prepared: Prepared | None = None,
        owner: int = -1,
        owner_maps: IdRows = (),
    ) -> None:
        self._namespace = namespace
        self._owner = owner
        self.owner_maps = owner_maps
        """The id maps of the user namespace that was made for it, none without one."""
        self.routes = routes
        """The netlink socket inside; for one thread at a time."""
        self.spare: Pair | None = None
        """A veth pair that no endpoint has taken yet."""
        self._prepared = prepared

    @classmethod
    def make(cls, inside: Callable[[], Prepared] | None = None) -> Sandbox:
        """A new namespace with its loopback up, and what `inside` makes in it; about 0.6 ms.

        Blocks, in a thread of its own. Raises OSError, or what `inside` raises.
        """

        def work() -> Sandbox:
            unshare(CLONE_NEWNET)
            return cls._of_this_thread(inside)

        return in_thread(work)

    @classmethod
    def make_owned(cls, owner: Owner, inside: Callable[[], Prepared] | None = None) -> Sandbox:
        """The same as part of a user namespace (`owner_path`). Raises OSError."""
        userns, namespace = owner.network_namespace()

        def work() -> Sandbox:
            return cls._of_this_thread(inside, userns, owner.maps)

        try:
            return in_namespace(namespace, work)
        except BaseException:
            os.close(userns)
            raise
        finally:
            os.close(namespace)

    @classmethod
    def _of_this_thread(
        cls, inside: Callable[[], Prepared] | None, owner: int = -1, maps: IdRows = ()
    ) -> Self:
        with contextlib.ExitStack() as undo:
            namespace = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
            undo.callback(os.close, namespace)
            routes = undo.enter_context(NetlinkSocket(NETLINK_ROUTE))
            write_settings(DEFAULT_SETTINGS)
            routes.execute(link.change(LOOPBACK, up=True))
            made = cls(namespace, routes, inside() if inside else None, owner, maps)
            undo.pop_all()
            return made

    @classmethod
    def open(cls, path: str) -> Self:
        """The namespace of something that runs: "/proc/PID/ns/net". Raises OSError."""
        namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            routes = in_namespace(namespace, lambda: NetlinkSocket(NETLINK_ROUTE))
        except BaseException:
            os.close(namespace)
            raise
        return cls(namespace, routes)

    @property
    def namespace(self) -> int:
        """The namespace's descriptor; stays the sandbox's. Raises ValueError once closed."""
        if self._namespace < 0:
            raise ValueError("I/O operation on closed sandbox")
        return self._namespace

    @property
    def path(self) -> str:
        """What goes into the OCI namespace's `path` while the sandbox is open."""
        return f"/proc/self/fd/{self.namespace}"

    @property
    def owner_path(self) -> str:
        """The same for the user namespace that it belongs to, "" where that is the host's."""
        return f"/proc/self/fd/{self._owner}" if self._owner >= 0 else ""

    def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises when it runs inside, in a thread of its own; blocks."""
        return in_namespace(self.namespace, work)

    def take_prepared(self) -> Prepared | None:
        """Hand over what the hook made; the caller closes it from now on."""
        prepared, self._prepared = self._prepared, None
        return prepared

    def enable_ipv6(self, interface: str) -> None:
        """Let a link of the sandbox have IPv6 addresses; blocks for a thread's life."""
        where = f"net/ipv6/conf/{interface}"
        self.run(lambda: write_settings({f"{where}/disable_ipv6": "0"}))

    def close(self) -> None:
        """Give up every descriptor; a second call does nothing."""
        namespace, self._namespace = self._namespace, -1
        if namespace < 0:
            return
        if (prepared := self.take_prepared()) is not None:
            prepared.close()
        self.routes.close()
        os.close(namespace)
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_settings(settings: Mapping[str, str]) -> None:
    """Write kernel settings (path below /proc/sys: value) of the thread's own namespace.

    A setting that this kernel does not have, such as all of IPv6, is passed over.
    """
    for name, value in settings.items():
        try:
            fd = os.open(f"/proc/sys/{name}", os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.write(fd, value.encode())
        except OSError as error:
            text = f"sysctl {name.replace('/', '.')}={value}: {os.strerror(error.errno or 0)}"
            raise OSError(error.errno, text) from None
        finally:
            os.close(fd)


def read_setting(name: str) -> str:
    """A kernel setting of the thread's own namespace, "" where there is none."""
    try:
        with open(f"/proc/sys/{name}", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def in_namespace(namespace: int, work: Callable[[], T]) -> T:
    """What `work` returns or raises inside a network namespace, in a thread of its own."""

    def enter_and_work() -> T:
        setns(namespace, CLONE_NEWNET)
        return work()

    return in_thread(enter_and_work)


def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises in a thread that ends with it."""
    outcome: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, name="network-namespace")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return outcome[0]
