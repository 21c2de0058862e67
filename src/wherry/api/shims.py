"""What older clients expect to see: fields that came or went, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from wherry.api.version import Version

Shown: TypeAlias = dict[str, Any]

CONTAINER: Final = "container"
IMAGE: Final = "image"
IMAGE_SUMMARY: Final = "image summary"
DISK_USAGE: Final = "disk usage"
INFO: Final = "info"

_LEGACY_IMAGE_CONFIG: Final[Shown] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}


def adapted(what: str, shown: Shown, version: Version) -> Shown:
    """Return what a client of `version` is shown; `shown` itself may be changed."""
    for kind, below, change in _SHIMS:
        if kind == what and version < below:
            change(shown)
    return shown


def _virtual_size(shown: Shown) -> None:
    shown["VirtualSize"] = shown["Size"]


def _none_names(shown: Shown) -> None:
    if not shown["RepoTags"] and not shown["RepoDigests"]:
        shown["RepoTags"], shown["RepoDigests"] = ["<none>:<none>"], ["<none>@<none>"]


def _build_container(shown: Shown) -> None:
    shown["Container"] = ""
    shown["ContainerConfig"] = dict(_LEGACY_IMAGE_CONFIG)


def _full_image_config(shown: Shown) -> None:
    shown["Config"] = _LEGACY_IMAGE_CONFIG | shown["Config"]


def _builder_size(shown: Shown) -> None:
    shown["BuilderSize"] = 0


def _bridge_filters(shown: Shown) -> None:
    shown |= {"BridgeNfIptables": False, "BridgeNfIp6tables": False}


def _expected_commits(shown: Shown) -> None:
    for key in ("ContainerdCommit", "RuncCommit", "InitCommit"):
        shown[key] = shown[key] | {"Expected": shown[key]["ID"]}


def _kernel_memory(shown: Shown) -> None:
    shown |= {"KernelMemory": False, "KernelMemoryTCP": False}


def _registry_allowances(shown: Shown) -> None:
    names = ("AllowNondistributableArtifactsHostnames", "AllowNondistributableArtifactsCIDRs")
    shown["RegistryConfig"] = shown["RegistryConfig"] | {name: [] for name in names}


def _no_dns_names(shown: Shown) -> None:
    _without_endpoint_key(shown, "DNSNames")


def _no_gateway_priority(shown: Shown) -> None:
    _without_endpoint_key(shown, "GwPriority")


def _without_endpoint_key(shown: Shown, key: str) -> None:
    for endpoint in shown["NetworkSettings"]["Networks"].values():
        endpoint.pop(key, None)


_SHIMS: Final[tuple[tuple[str, Version, Callable[[Shown], None]], ...]] = (
    # kind, shown to versions below, change (API history of Docker, by version)
    (CONTAINER, (1, 44), _no_dns_names),
    (CONTAINER, (1, 48), _no_gateway_priority),
    (IMAGE_SUMMARY, (1, 43), _none_names),
    (IMAGE_SUMMARY, (1, 44), _virtual_size),
    (IMAGE, (1, 44), _virtual_size),
    (IMAGE, (1, 45), _build_container),
    (IMAGE, (1, 50), _full_image_config),
    (DISK_USAGE, (1, 42), _builder_size),
    (INFO, (1, 42), _kernel_memory),
    (INFO, (1, 49), _registry_allowances),
    (INFO, (1, 49), _expected_commits),
    (INFO, (1, 50), _bridge_filters),
)
