"""BPF programs that look at what comes in over a link (tc(8), tc-bpf(8), `struct tcmsg`)."""

from __future__ import annotations

import _socket
import struct
from typing import Final

from wherry.kernel.netlink.message import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Request,
    nested,
    number,
    text,
)

RTM_NEWQDISC: Final = 36
RTM_NEWTFILTER: Final = 44

_TCMSG: Final = struct.Struct("=BxxxiIII")
_CLSACT = 0xFFFFFFF1
_CLSACT_HANDLE = 0xFFFF0000
_INGRESS = 0xFFFFFFF2
_PRIORITY = 1
_ETH_P_ALL = 3
_TCA_KIND = 1
_TCA_OPTIONS = 2
_TCA_BPF_FD = 6
_TCA_BPF_NAME = 7
_TCA_BPF_FLAGS = 8
_TCA_BPF_FLAG_ACT_DIRECT = 1


def add_hooks(index: int) -> Request:
    """Give a link its hooks for classifiers; an error (EEXIST) where it has them."""
    body = _TCMSG.pack(0, index, _CLSACT_HANDLE, _CLSACT, 0) + text(_TCA_KIND, "clsact")
    return Request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, body, f"add hooks to link {index}")


def look_at_incoming(index: int, program: int, name: str) -> Request:
    """Let a loaded program decide about each incoming frame; in place of an earlier one."""
    info = _PRIORITY << 16 | _socket.htons(_ETH_P_ALL)
    body = _TCMSG.pack(0, index, 1, _INGRESS, info) + text(_TCA_KIND, "bpf")
    body += nested(
        _TCA_OPTIONS,
        number(_TCA_BPF_FD, program),
        text(_TCA_BPF_NAME, name),
        number(_TCA_BPF_FLAGS, _TCA_BPF_FLAG_ACT_DIRECT),
    )
    flags = NLM_F_CREATE | NLM_F_REPLACE
    return Request(RTM_NEWTFILTER, flags, body, f"attach a program to link {index}")
