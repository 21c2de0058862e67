"""The daemon's options: command line and JSON file, one row each; flags and file never disagree.

A setting that is given in both is an error, in dockerd's words, so that nobody has to guess which
one counts. Source: dockerd's daemon.json and flags, as far as they have a meaning here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wherry.api.access.guard import Open
from wherry.daemon import (
    networksettings,
    runtimesettings,
    tlssettings,
    usernamespacesettings,
)
from wherry.daemon.settingrow import Row, truth
from wherry.daemon.tlssettings import TlsSettings
from wherry.engine.profile import DOCKER, PROFILES, Profile
from wherry.errors import Invalid
from wherry.registry.config import RegistryConfig

if TYPE_CHECKING:
    from wherry.api.access.guard import Guard
    from wherry.engine.containers.foreign.programs import RuntimeSettings
    from wherry.engine.containers.usernamespaces import UserNamespaceSettings
    from wherry.engine.networks.settings import NetworkSettings

DEFAULT_CONFIG: Final = "/etc/wherry/daemon.json"
DEFAULT_DATA_ROOT: Final = "/var/lib/wherry"
DEFAULT_EXEC_ROOT: Final = "/run/wherry"
DEFAULT_CGROUP_PARENT: Final = "/wherry"
DEFAULT_SIGNATURE_POLICY: Final = "/etc/wherry/signatures.json"
LOG_LEVELS: Final = ("debug", "info", "warn", "error", "fatal")


@dataclass(frozen=True, slots=True)
class Options:
    """How the daemon shall run; `hosts` are addresses such as "unix:///run/wherry.sock"."""

    data_root: str = DEFAULT_DATA_ROOT
    exec_root: str = DEFAULT_EXEC_ROOT
    hosts: tuple[str, ...] = ()
    pidfile: str = ""
    log_level: str = "info"
    group: str = ""
    cgroup_parent: str = DEFAULT_CGROUP_PARENT
    profile: str = DOCKER.name
    runtimes: Mapping[str, Any] = field(default_factory=dict)
    default_runtime: str = ""
    cdi_spec_dirs: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")
    userns: str = ""
    userns_remap: str = ""
    userns_pool: str = ""
    labels: tuple[str, ...] = field(default_factory=tuple)
    signature_policy: str = DEFAULT_SIGNATURE_POLICY
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    registries: Mapping[str, Any] = field(default_factory=dict)
    proxies: Mapping[str, Any] = field(default_factory=dict)
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    networks: Mapping[str, Any] = field(default_factory=dict)
    tls: Mapping[str, Any] = field(default_factory=dict)
    access: Mapping[str, Any] = field(default_factory=dict)
    audit: bool = False

    def guard(self) -> Guard:
        """Who may do what through the API's sockets. Raises Invalid."""
        if not self.access:
            return Open()
        from wherry.daemon.accesssettings import access_map

        return access_map(self.access)

    def tls_settings(self) -> TlsSettings:
        """How TCP addresses are secured."""
        return tlssettings.settings(self.tls)

    def defaults(self) -> Profile:
        """What counts where nothing was said."""
        return PROFILES[self.profile]

    def runtime_settings(self) -> RuntimeSettings:
        """Which runtimes containers can name. Raises Invalid."""
        return runtimesettings.settings(self.runtimes, self.default_runtime)

    def user_namespace_settings(self) -> UserNamespaceSettings:
        """Which user namespaces containers get. Raises Invalid."""
        return usernamespacesettings.settings(
            self.userns, self.userns_remap, self.userns_pool, self.defaults()
        )

    def network_settings(self) -> NetworkSettings | None:
        """How networks are to be, None where nothing was said. Raises Invalid."""
        if not self.networks and self.profile == DOCKER.name:
            return None
        return networksettings.settings(self.networks, self.defaults())

    def registry_config(self) -> RegistryConfig:
        """How registries are to be reached. Raises Invalid."""
        from wherry.registry import settings

        return RegistryConfig(
            mirrors=settings.mirror_rows(self.registry_mirrors, self.registries),
            insecure=settings.insecure(self.insecure_registries),
            max_concurrent_downloads=settings.limit(
                "max-concurrent-downloads", self.max_concurrent_downloads
            ),
            max_concurrent_uploads=settings.limit(
                "max-concurrent-uploads", self.max_concurrent_uploads
            ),
            max_download_attempts=settings.limit(
                "max-download-attempts", self.max_download_attempts
            ),
            proxies=settings.proxies(self.proxies),
            signature_policy=self.signature_policy,
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where to listen: by default beside the exec-root, so that engines do not collide."""
        return self.hosts or (f"unix://{self.exec_root}.sock",)

    @property
    def audit_path(self) -> str:
        """The log of who asked what, of scoped sockets and with `audit` of the API's own."""
        return f"{self.data_root}/audit/api.log"

    @property
    def pid_path(self) -> str:
        """The file that tells the daemon's pid."""
        return self.pidfile or f"{self.exec_root}.pid"


ROWS: Final = (
    Row("data_root", ("--data-root", "-g"), "data-root", "where images and containers are kept"),
    Row("exec_root", ("--exec-root",), "exec-root", "where run-time state is kept"),
    Row("hosts", ("--host", "-H"), "hosts", "listen on unix://, tcp:// or fd://", repeated=True),
    Row("pidfile", ("--pidfile", "-p"), "pidfile", "file for the daemon's pid"),
    Row("log_level", ("--log-level", "-l"), "log-level", "what to log", choices=LOG_LEVELS),
    Row("group", ("--group", "-G"), "group", "group that may use the unix socket"),
    Row("cgroup_parent", ("--cgroup-parent",), "cgroup-parent", "cgroup to put containers below"),
    Row(
        "profile",
        ("--profile",),
        "profile",
        "docker: Docker's defaults; wherry: safer ones",
        choices=tuple(PROFILES),
    ),
    Row(
        "runtimes",
        ("--add-runtime",),
        "runtimes",
        "further OCI runtime: NAME=PATH",
        type=dict,
    ),
    Row(
        "default_runtime",
        ("--default-runtime",),
        "default-runtime",
        "runtime of containers that name none (wherry)",
    ),
    Row(
        "userns", ("--userns",), "userns", "user namespace of containers that name none: host, auto"
    ),
    Row("userns_remap", ("--userns-remap",), "userns-remap", "default: the same as --userns auto"),
    Row("userns_pool", ("--userns-pool",), "userns-pool", "ids for user namespaces: FIRST:COUNT"),
    Row(
        "cdi_spec_dirs",
        ("--cdi-spec-dir",),
        "cdi-spec-dirs",
        "directory of CDI files that describe devices; empty: none",
        repeated=True,
    ),
    Row("labels", ("--label",), "labels", "label of the daemon: key=value", repeated=True),
    Row(
        "registry_mirrors",
        ("--registry-mirror",),
        "registry-mirrors",
        "mirror of Docker Hub: http(s)://host[:port]",
        repeated=True,
    ),
    Row(
        "insecure_registries",
        ("--insecure-registry",),
        "insecure-registries",
        "registry without trusted TLS: host[:port] or CIDR",
        repeated=True,
    ),
    Row("registries", (), "registries", "mirrors of any registry, by name", type=dict),
    Row("proxies", (), "proxies", "http-proxy, https-proxy, no-proxy", type=dict),
    Row("access", (), "access", "who may do what on the API's sockets", type=dict),
    Row("audit", ("--audit",), "audit", "write down every request to the API", type=bool),
    Row(
        "max_concurrent_downloads",
        ("--max-concurrent-downloads",),
        "max-concurrent-downloads",
        "how many layers are fetched at once (3)",
        type=int,
    ),
    Row(
        "max_concurrent_uploads",
        ("--max-concurrent-uploads",),
        "max-concurrent-uploads",
        "how many layers are pushed at once (5)",
        type=int,
    ),
    Row(
        "max_download_attempts",
        ("--max-download-attempts",),
        "max-download-attempts",
        "attempts in a row without progress before a transfer fails (5)",
        type=int,
    ),
    Row(
        "signature_policy",
        ("--signature-policy",),
        "signature-policy",
        "file that says which images must be signed",
    ),
    *networksettings.ROWS,
    *tlssettings.ROWS,
)


def read(argv: Sequence[str]) -> Options:
    """The options from a command line and the file that it names. Raises Invalid."""
    given = vars(_parser().parse_args(argv))
    path, debug = given.pop("config"), given.pop("debug")
    flags = {name: value for name, value in given.items() if value is not None}
    if debug:
        flags["log_level"] = "debug"
    return combine(flags, _read_file(path))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wherry daemon", allow_abbrev=False)
    parser.add_argument("--config", "--config-file", metavar="FILE", help="JSON file of settings")
    parser.add_argument(
        "--debug", "-D", type=truth, nargs="?", const=True, default=False, help="log everything"
    )
    for row in ROWS:
        if not row.flags:
            continue
        parser.add_argument(*row.flags, dest=row.name, help=row.help, **row.argument())
    return parser


def _read_file(path: str | None) -> Mapping[str, Any]:
    """The file's settings; the default file may be missing, a named one may not."""
    try:
        with open(path or DEFAULT_CONFIG, encoding="utf-8") as file:
            settings = json.load(file)
    except FileNotFoundError:
        if path is None:
            return {}
        raise Invalid(f"unable to configure the daemon with file {path}: it is missing") from None
    except (OSError, ValueError) as error:
        raise Invalid(f"unable to configure the daemon with file {path}: {error}") from None
    if not isinstance(settings, dict):
        raise Invalid(f"unable to configure the daemon with file {path}: it is no JSON object")
    return settings


def combine(flags: Mapping[str, Any], settings: Mapping[str, Any]) -> Options:
    """Flags and file as one. Raises Invalid for unknown keys, wrong types, double settings."""
    rows = {row.key: row for row in ROWS}
    settings = dict(settings)
    if settings.pop("debug", False) is True:
        settings.setdefault("log-level", "debug")
    unknown = sorted(settings.keys() - rows.keys())
    if unknown:
        raise Invalid(
            "the following directives don't match any configuration option: " + ", ".join(unknown)
        )
    double = [key for key in settings if rows[key].name in flags]
    if double:
        told = ", ".join(
            f"{key}: (from flag: {flags[rows[key].name]}, from file: {settings[key]})"
            for key in double
        )
        raise Invalid(
            "the following directives are specified both as a flag and in the configuration "
            f"file: {told}"
        )
    values = {rows[key].name: value for key, value in settings.items()} | dict(flags)
    parts: dict[str, dict[str, Any]] = {
        "": {},
        networksettings.PART: {},
        tlssettings.PART: {},
    }
    for row in ROWS:
        if row.name in values:
            parts[row.part][row.name] = _value(row, values[row.name])
    return Options(networks=parts[networksettings.PART], tls=parts[tlssettings.PART], **parts[""])


def _value(row: Row, given: object) -> Any:
    value = row.value(given)
    return value.rstrip("/") if row.name in ("data_root", "exec_root") else value
