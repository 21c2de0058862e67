"""features: what this runtime supports, as the specification's features document (features.md)."""

from __future__ import annotations

import os
import sys

from wherry import jsontext
from wherry.kernel import capability, lsm, seccomp, seccomp_program
from wherry.runtime import mount_options
from wherry.spec import runtime, runtime_checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.flags import Row
    from wherry.runtime.oci.main import Context

ROWS: tuple[Row, ...] = ()
ARGUMENTS = ""


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Print the document."""
    sys.stdout.write(jsontext.encode_pretty(document()) + "\n")
    return 0


def document() -> dict[str, Any]:
    """What we know how to do, whether or not this kernel does."""
    words = [*mount_options.ATTRIBUTES, *mount_options.PROPAGATION, "bind", "rbind"]
    recursive = [f"r{word}" for word in mount_options.ATTRIBUTES]
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": runtime.OCI_VERSION,
        "hooks": list(runtime_checks.HOOKS),
        "mountOptions": sorted({*words, *recursive, "tmpcopyup", "idmap", "ridmap"}),
        "linux": {
            "namespaces": sorted(runtime_checks.NAMESPACE_TYPES),
            "capabilities": list(capability.NAMES),
            "cgroup": {
                "v1": True,
                "v2": True,
                "systemd": False,
                "systemdUser": False,
                "rdma": True,
            },
            "seccomp": {
                "enabled": True,
                "actions": sorted(set(seccomp.ACTIONS) - {"SCMP_ACT_NOTIFY"}),
                "operators": list(seccomp_program.OPERATORS),
                "archs": sorted(seccomp.ARCHITECTURES),
                "knownFlags": sorted(seccomp.FLAGS),
                "supportedFlags": sorted(seccomp.FLAGS),
            },
            "apparmor": {"enabled": lsm.apparmor_active()},
            "selinux": {"enabled": lsm.selinux_active()},
        },
        "annotations": {"io.github.wherry.runtime": f"wherry-oci {os.uname().machine}"},
    }
