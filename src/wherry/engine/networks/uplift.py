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
"""

from __future__ import annotations

import errno
import struct
from typing import Final

from wherry.engine.networks.sandbox import read_setting
from wherry.kernel import bpf
from wherry.kernel.netlink import classifier
from wherry.kernel.netlink.link import Link, hardware_address
from wherry.kernel.netlink.socket import NetlinkSocket

_SETTINGS: Final = tuple(f"net/bridge/bridge-nf-call-{name}" for name in ("iptables", "ip6tables"))
_NAME: Final = "wherry_uplift"

# struct __sk_buff (linux/bpf.h): where its fields are.
_PROTOCOL, _DATA, _DATA_END = 16, 76, 80
_ETHERNET_HEADER: Final = 14
_IP, _IPV6 = 0x0800, 0x86DD
_REDIRECT: Final = 23  # bpf_redirect(ifindex, flags), bpf-helpers(7)
_INGRESS: Final = 1
_PASS: Final = 0  # TC_ACT_OK


def is_needed() -> bool:
    """Whether br_netfilter is on in this network namespace."""
    return any(read_setting(name) == "1" for name in _SETTINGS)


def load(bridge: Link) -> int:
    """The classifier of one bridge's ports; returns a descriptor. Raises OSError."""
    return bpf.load(bpf.PROG_TYPE_SCHED_CLS, assemble(bridge.index, bridge.mac), _NAME)


def attach(routes: NetlinkSocket, port: int, program: int) -> None:
    """Let the classifier look at a port's frames. Raises OSError."""
    try:
        routes.execute(classifier.add_hooks(port))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    routes.execute(classifier.look_at_incoming(port, program, _NAME))


def assemble(index: int, mac: str) -> bytes:
    """The program for the bridge with this index and MAC address."""
    context, data, end, value = 1, 2, 3, 4
    address = hardware_address(mac)
    (front,) = struct.unpack("<I", address[:4])
    (back,) = struct.unpack("<H", address[4:])
    hand_up = [
        bpf.move_constant(1, index),
        bpf.move_constant(2, _INGRESS),
        bpf.call(_REDIRECT),
        bpf.leave(),
    ]
    let_pass = [bpf.move_constant(0, _PASS), bpf.leave()]
    # Each test but those for the protocol jumps to `let_pass`, behind what follows it.
    code = [
        bpf.load_word(value, context, _PROTOCOL),
        bpf.jump_if_equal(value, _swapped(_IP), 1),
        bpf.jump_unless_equal(value, _swapped(_IPV6), 9 + len(hand_up)),
        bpf.load_word(data, context, _DATA),
        bpf.load_word(end, context, _DATA_END),
        bpf.move(value, data),
        bpf.add_constant(value, _ETHERNET_HEADER),
        bpf.jump_if_greater(value, end, 4 + len(hand_up)),
        bpf.load_word(value, data, 0),
        bpf.jump_unless_equal_word(value, front, 2 + len(hand_up)),
        bpf.load_half(value, data, 4),
        bpf.jump_unless_equal(value, back, len(hand_up)),
    ]
    return b"".join([*code, *hand_up, *let_pass])


def _swapped(protocol: int) -> int:
    """The protocol as the field has it: network order, on the little-endian machines we know."""
    return (protocol & 0xFF) << 8 | protocol >> 8
