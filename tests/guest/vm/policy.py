"""The smallest SELinux policy with containers in it, for the guest: a few classes, six types.

Whatever is not named here is allowed (handle_unknown). The host may do everything; a container may
use files of its own type with its own categories or none, and the kernel's file systems, but
nothing of the host's, which is every file on the disk until it is relabelled. Compiled by
checkpolicy(8); the language is that of the SELinux Notebook, "Kernel Policy Language".
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.guest.vm.kernel import GuestMissing, package

CATEGORIES = 1024
VERSION = 33
"""Of the binary format: what Linux 5.15 and later read."""

# The kernel's order, which is what numbers them (initial_sid_to_string.h): name, type.
_SIDS = """
    kernel=host_t security=other_t unlabeled=host_file_t fs=other_t file=host_file_t
    file_labels=host_file_t init=host_t any_socket=other_t port=other_t netif=other_t
    netmsg=other_t node=other_t igmp_packet=other_t icmp_socket=other_t tcp_socket=other_t
    sysctl_modprobe=other_t sysctl=other_t sysctl_fs=other_t sysctl_kernel=other_t
    sysctl_net=other_t sysctl_net_unix=other_t sysctl_vm=other_t sysctl_dev=other_t kmod=other_t
    policy=other_t scmp_packet=other_t devnull=other_t
"""
# What is relabelled must have a class, whatever else is not looked at.
_OTHERS = ("lnk_file", "chr_file", "blk_file", "sock_file", "fifo_file")
_CLASSES = """
class process { transition dyntransition fork }
class file { read write open execute entrypoint append relabelfrom relabelto }
class dir { read write open search add_name remove_name relabelfrom relabelto }
"""
_RULES = """
mlsconstrain file { read write open append execute }
    ( h1 dom h2 or t1 == host_t or t2 == other_t );
mlsconstrain dir { read write open search add_name remove_name }
    ( h1 dom h2 or t1 == host_t or t2 == other_t );
type host_t;
type host_file_t;
type other_t;
type container_t;
type container_file_t;
type container_ro_file_t;
allow host_t { host_t container_t }:process *;
allow host_t { host_t host_file_t other_t container_t container_file_t container_ro_file_t }:
    { file dir } *;
allow container_t container_t:process *;
allow container_t { other_t container_t container_file_t }:{ file dir } *;
allow container_t container_ro_file_t:file { read open execute };
allow host_t { host_file_t other_t container_file_t container_ro_file_t }:
    { lnk_file chr_file blk_file sock_file fifo_file } *;
role system_r;
role system_r types { host_t container_t };
"""
_USE = {
    "xattr": ("ext4", "overlay"),
    "task": ("pipefs", "sockfs"),
    "trans": ("devpts", "devtmpfs", "mqueue", "tmpfs"),
}
_GENERIC = ("cgroup2", "nsfs", "proc", "securityfs", "selinuxfs", "sysfs")


def source() -> str:
    """The policy's text."""
    sids = dict(row.split("=") for row in _SIDS.split())
    last = CATEGORIES - 1
    return "\n".join(
        [
            *(f"class {name}" for name in ("process", "file", "dir", *_OTHERS)),
            *(f"sid {name}" for name in sids),
            *(f"class {name} {{ relabelfrom relabelto }}" for name in _OTHERS),
            f"{_CLASSES}sensitivity s0;\ndominance {{ s0 }}",
            *(f"category c{number};" for number in range(CATEGORIES)),
            f"level s0:c0.c{last};{_RULES}",
            f"user system_u roles {{ system_r object_r }} level s0 range s0 - s0:c0.c{last};",
            *(f"sid {name} {_context(kind)}" for name, kind in sids.items()),
            *(
                f"fs_use_{how} {name} {_context('host_file_t' if how == 'xattr' else 'other_t')};"
                for how, names in _USE.items()
                for name in names
            ),
            *(f"genfscon {name} / {_context('other_t')}" for name in _GENERIC),
            f"genfscon rootfs / {_context('host_file_t')}\n",
        ]
    )


def _context(kind: str) -> str:
    return f"system_u:{'system_r' if kind == 'host_t' else 'object_r'}:{kind}:s0"


def policy(cache: Path, scratch: Path) -> bytes:
    """The policy as the kernel reads it. Raises GuestMissing."""
    compiler = package(cache, "checkpolicy") / "usr/bin/checkpolicy"
    text, binary = scratch / "policy.conf", scratch / "policy"
    text.write_text(source())
    command = [compiler, "-M", "-U", "allow", "-c", str(VERSION), "-o", binary, text]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GuestMissing(f"the SELinux policy does not compile: {done.stdout}{done.stderr}")
    return binary.read_bytes()
