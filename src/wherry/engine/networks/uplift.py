"""The way past br_netfilter: frames for the bridge itself go up to it straight from the port.

Where br_netfilter is on (always with Docker or Kubernetes on the same machine), the kernel runs
the rules for IP packets on every frame that a bridge takes in, before it knows whether the frame
is for the host. A published port is then translated while the packet is still on its way through
the bridge: a container that asks for itself (hairpin) has its frame dropped, because a bridge
sends nothing back where it came from; and an answer to ::1 is translated back too early, and
dropped by the check against ::1 from a wire.

A classifier at each port looks at the destination: IP frames for the bridge's own MAC address are
handed to the bridge as received, so that they meet the rules once, as any routed packet does. All
other frames take their usual way.

The same classifier makes ports reachable from ::1, which the kernel does not provide for: a packet
to ::1 is only accepted from the loopback link (rt6_need_strict, net/ipv6/route.c), but the answers
come over the bridge. So what leaves for a container from ::1 gets the gateway's address and a port
from LOOPBACK_PORTS, above those that the kernel hands out by itself, and packets to these are
handed to the loopback link. Nothing but answers comes in that way: the table's chain `input` drops
the rest, so containers do not reach what a process of the host binds to the gateway's address and
one of these ports.
"""

from __future__ import annotations

import _socket
import errno
from collections.abc import Callable, Sequence
from typing import Final

from wherry.engine.networks.sandbox import read_setting
from wherry.kernel import bpf
from wherry.kernel.fd import Fd
from wherry.kernel.netlink import classifier
from wherry.kernel.netlink.link import Link, hardware_address
from wherry.kernel.netlink.socket import NetlinkSocket

LOOPBACK_PORTS: Final = (61000, 65535)

_SETTINGS: Final = tuple(f"net/bridge/bridge-nf-call-{name}" for name in ("iptables", "ip6tables"))
_NAME: Final = "wherry_uplift"

# struct __sk_buff (linux/bpf.h): where its fields are.
_PROTOCOL, _DATA, _DATA_END = 16, 76, 80
_ETHERNET_HEADER: Final = 14
_DESTINATION, _PORT, _PORTS_END = 14 + 24, 14 + 40 + 2, 14 + 40 + 4
_NEXT_HEADER: Final = 14 + 6
_ICMPV6: Final = 58
_LO: Final = 1
_IP, _IPV6 = 0x0008, 0xDD86  # in network order, as little-endian machines read it
_REDIRECT: Final = 23  # bpf_redirect(ifindex, flags), bpf-helpers(7)
_INGRESS: Final = 1
_PASS: Final = 0  # TC_ACT_OK


def is_needed() -> bool:
    """Whether br_netfilter is on in this network namespace."""
    return any(read_setting(name) == "1" for name in _SETTINGS)


def load(bridge: Link, *, lift: bool, gateway6: str) -> int:
    """The classifier of one bridge's ports; returns a descriptor. Raises OSError.

    `lift`: past br_netfilter; `gateway6`: the bridge's IPv6 address, "" for no way back to ::1.
    """
    program = assemble(bridge.index, bridge.mac, lift=lift, gateway6=gateway6)
    return bpf.load(bpf.PROG_TYPE_SCHED_CLS, program, _NAME)


class Classifiers:
    """The loaded classifiers of one driver, one for each bridge that has ports."""

    def __init__(self) -> None:
        self._loaded: dict[str, tuple[object, Fd]] = {}

    def of(self, bridge: Link, *, lift: bool, gateway6: str) -> int:
        """A bridge's classifier, loaded when it is first wanted; a descriptor that stays ours."""
        wanted = (bridge.index, bridge.mac, lift, gateway6)
        known = self._loaded.get(bridge.name)
        if known is None or known[0] != wanted:
            self.forget(bridge.name)
            known = (wanted, Fd(load(bridge, lift=lift, gateway6=gateway6)))
            self._loaded[bridge.name] = known
        return known[1].fileno()

    def forget(self, name: str) -> None:
        """Give up a bridge's classifier; its ports keep theirs."""
        if known := self._loaded.pop(name, None):
            known[1].close()


def attach(routes: NetlinkSocket, port: int, program: int) -> None:
    """Let the classifier look at a port's frames. Raises OSError."""
    request = classifier.look_at_incoming(port, program, _NAME)
    try:
        routes.execute(classifier.add_hooks(port), request)
    except OSError as error:
        if error.errno != errno.EEXIST:  # of the hooks; the request was carried out all the same
            raise


def assemble(index: int, mac: str, *, lift: bool, gateway6: str) -> bytes:
    """The program for the bridge with this index and MAC address."""
    inner: list[bytes] = []
    if gateway6:
        inner += _where(_is_for_loopback(gateway6), [*_TO_NOBODY, *_hand_to(_LO)])
    if lift:
        inner += _where(_is_ip(), _hand_to(index))
    return b"".join(
        (
            bpf.move(_CONTEXT, 1),
            bpf.load_word(_FRAME, _CONTEXT, _DATA),
            bpf.load_word(_END, _CONTEXT, _DATA_END),
            *_where(_is_for(mac), inner),
            bpf.move_constant(0, _PASS),
            bpf.leave(),
        )
    )


# Registers that a call leaves alone.
_CONTEXT, _FRAME, _END, _VALUE = 6, 7, 8, 9

# The loopback link's own MAC address is all zeros, and what is for another one it does not take.
_TO_NOBODY: Final = (bpf.store_word(_FRAME, 0, 0), bpf.store_half(_FRAME, 4, 0))

_Test = bytes | Callable[[int], bytes]
"""One instruction, or what makes it of how many others to skip where the test fails."""


def _where(tests: Sequence[_Test], body: Sequence[bytes]) -> list[bytes]:
    """The body behind its tests: the first that fails goes on behind the body."""
    whole = len(tests) + len(body)
    checks = [
        test if isinstance(test, bytes) else test(whole - position - 1)
        for position, test in enumerate(tests)
    ]
    return [*checks, *body]


def _is_for(mac: str) -> list[_Test]:
    address = hardware_address(mac)
    return [
        *_has(_ETHERNET_HEADER),
        *_holds_word(0, address[:4]),
        bpf.load_half(_VALUE, _FRAME, 4),
        _unless_equal(int.from_bytes(address[4:], "little")),
    ]


def _is_ip() -> list[_Test]:
    return [
        bpf.load_word(_VALUE, _CONTEXT, _PROTOCOL),
        bpf.jump_if_equal(_VALUE, _IP, 1),
        _unless_equal(_IPV6),
    ]


def _is_for_loopback(gateway6: str) -> list[_Test]:
    """TCP, UDP or SCTP to the gateway's address and one of LOOPBACK_PORTS."""
    address = _socket.inet_pton(_socket.AF_INET6, gateway6)
    return [
        bpf.load_word(_VALUE, _CONTEXT, _PROTOCOL),
        _unless_equal(_IPV6),
        *_has(_PORTS_END),
        bpf.load_half(_VALUE, _FRAME, _NEXT_HEADER),
        bpf.and_constant(_VALUE, 0xFF),
        lambda skip: bpf.jump_if_equal(_VALUE, _ICMPV6, skip),
        bpf.load_half(_VALUE, _FRAME, _PORT),
        bpf.to_big_endian(_VALUE, 16),
        lambda skip: bpf.jump_if_less(_VALUE, LOOPBACK_PORTS[0], skip),
        *(
            each
            for offset in range(0, len(address), 4)
            for each in _holds_word(_DESTINATION + offset, address[offset : offset + 4])
        ),
    ]


def _has(size: int) -> list[_Test]:
    """The frame is at least so long: the kernel wants to see this before it lets us read."""
    return [
        bpf.move(_VALUE, _FRAME),
        bpf.add_constant(_VALUE, size),
        lambda skip: bpf.jump_if_greater(_VALUE, _END, skip),
    ]


def _holds_word(offset: int, value: bytes) -> list[_Test]:
    number = int.from_bytes(value, "little")
    return [
        bpf.load_word(_VALUE, _FRAME, offset),
        lambda skip: bpf.jump_unless_equal_word(_VALUE, number, skip),
    ]


def _unless_equal(value: int) -> _Test:
    return lambda skip: bpf.jump_unless_equal(_VALUE, value, skip)


def _hand_to(index: int) -> list[bytes]:
    return [
        bpf.move_constant(1, index),
        bpf.move_constant(2, _INGRESS),
        bpf.call(_REDIRECT),
        bpf.leave(),
    ]
