"""`create_request`: the flags of `run` and `create` as the body of POST /containers/create."""

from __future__ import annotations

import os

from wherry.cli.failures import Failure
from wherry.cli.output import STDOUT
from wherry.cli.run.devices import device_settings
from wherry.cli.run.health import healthcheck
from wherry.cli.run.keyvaluefiles import key_values, read_variables
from wherry.cli.run.mountflag import parse_mount
from wherry.cli.run.networkflag import endpoints, network_mode
from wherry.cli.run.publish import parse_exposed, parse_published
from wherry.cli.run.resources import resources
from wherry.cli.run.security import security_options
from wherry.cli.terminal import window_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.flags import Options

# flag -> the namespaces that the client itself knows to be right, and docker's complaint
_MODES = {
    "pid": (("", "host", "container:"), "PID"),
    "uts": (("", "host"), "UTS"),
    "cgroupns": (("", "host", "private"), "CGROUP"),
}

_USER_NAMESPACES = ("", "host", "auto", "private")
"""Words of `--userns`; docker knows the first two. A map begins with a number."""


def create_request(
    options: Options, image: str, words: list[str], *, detached: bool = False
) -> dict[str, Any]:
    """The request: Config's fields at the top, HostConfig and NetworkingConfig inside.

    Nobody is attached to a `detached` container.
    Only what the flags say is in it; the rest is the daemon's default. Raises `Failure`.
    """
    _check(options)
    published = parse_published(options.list("publish"))
    binds, volumes = _volumes(options.list("volume"))
    exposed = {port: {} for port in published} | parse_exposed(options.list("expose"))
    request: dict[str, Any] = {
        "Image": image,
        "Cmd": words,
        "Hostname": options.text("hostname"),
        "Domainname": options.text("domainname"),
        "User": options.text("user"),
        "WorkingDir": options.text("workdir"),
        "Env": _environment(options),
        "Labels": _labels(options),
        "ExposedPorts": exposed,
        "Volumes": volumes,
        "StopSignal": options.text("stop-signal"),
        "Healthcheck": healthcheck(options),
    }
    request = _filled(request) | _streams(options, detached)
    if options.is_given("entrypoint"):
        request["Entrypoint"] = [options.text("entrypoint")]
    if options.is_given("stop-timeout"):
        request["StopTimeout"] = options.number("stop-timeout")
    request["HostConfig"] = _host_config(options, binds, published)
    request["NetworkingConfig"] = {"EndpointsConfig": endpoints(options)}
    return request


def _check(options: Options) -> None:
    for flag, (allowed, name) in _MODES.items():
        value = options.text(flag)
        mode, colon, _ = value.partition(":")
        if value.endswith(":") or mode + colon not in allowed:
            raise Failure(f"--{flag}: invalid {name} mode")
    userns = options.text("userns")
    if not (userns.partition(":")[0] in _USER_NAMESPACES or userns[:1].isdecimal()):
        raise Failure("--userns: invalid USER mode")
    swappiness = options.number("memory-swappiness")
    if swappiness != -1 and not 0 <= swappiness <= 100:
        raise Failure(f"invalid value: {swappiness}. Valid memory swappiness range is 0-100")
    if restart_policy(options.text("restart"))["Name"] not in ("", "no") and options.on("rm"):
        raise Failure("conflicting options: cannot specify both --restart and --rm")


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", None, [], {}, 0)}


def _streams(options: Options, detached: bool) -> dict[str, Any]:
    attached = options.list("attach")
    stdin = options.on("interactive")
    attach_stdin = not detached and (stdin or "stdin" in attached)
    return {
        "AttachStdin": attach_stdin,
        "AttachStdout": not detached and (not attached or "stdout" in attached),
        "AttachStderr": not detached and (not attached or "stderr" in attached),
        "Tty": options.on("tty"),
        "OpenStdin": stdin,
        # The container's stdin ends with the client that opened it.
        "StdinOnce": stdin and attach_stdin,
    }


def _environment(options: Options) -> list[str]:
    found: list[str] = []
    for path in options.list("env-file"):
        found += read_variables(path, os.environ)
    return found + options.list("env")


def _labels(options: Options) -> dict[str, str]:
    found: list[str] = []
    for path in options.list("label-file"):
        found += read_variables(path, None)
    policy = [f"wherry.egress={options.text('egress')}"] if options.text("egress") else []
    return key_values(found + options.list("label") + policy)


def _volumes(specs: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Binds (anything with a source) and Volumes (a path alone)."""
    binds: list[str] = []
    volumes: dict[str, Any] = {}
    for spec in specs:
        source, colon, rest = spec.partition(":")
        if not colon:
            volumes[spec] = {}
        elif source.startswith("."):
            binds.append(f"{os.path.abspath(source)}:{rest}")
        else:
            binds.append(spec)
    return binds, volumes


def _host_config(
    options: Options, binds: list[str], published: dict[str, list[dict[str, str]]]
) -> dict[str, Any]:
    values = {
        "Binds": binds,
        "ContainerIDFile": options.text("cidfile"),
        "LogConfig": _logging(options),
        "NetworkMode": network_mode(options),
        "PortBindings": published,
        "RestartPolicy": restart_policy(options.text("restart")),
        "AutoRemove": options.on("rm"),
        "VolumeDriver": options.text("volume-driver"),
        "VolumesFrom": options.list("volumes-from"),
        "Mounts": [parse_mount(text) for text in options.list("mount")],
        "Tmpfs": _tmpfs(options.list("tmpfs")),
        "CapAdd": options.list("cap-add"),
        "CapDrop": options.list("cap-drop"),
        "CgroupnsMode": options.text("cgroupns"),
        "Dns": options.list("dns"),
        "DnsOptions": options.list("dns-option"),
        "DnsSearch": options.list("dns-search"),
        "ExtraHosts": options.list("add-host"),
        "GroupAdd": options.list("group-add"),
        "IpcMode": options.text("ipc"),
        "Links": options.list("link"),
        "OomScoreAdj": options.number("oom-score-adj"),
        "PidMode": options.text("pid"),
        "Privileged": options.on("privileged"),
        "PublishAllPorts": options.on("publish-all"),
        "ReadonlyRootfs": options.on("read-only"),
        "UTSMode": options.text("uts"),
        "UsernsMode": options.text("userns"),
        "ShmSize": options.number("shm-size"),
        "Sysctls": key_values(options.list("sysctl")),
        "StorageOpt": _storage(options.list("storage-opt")),
        "Annotations": key_values(options.list("annotation")),
        "Runtime": options.text("runtime"),
        "Isolation": options.text("isolation"),
        **resources(options),
        **device_settings(options),
    }
    config = _filled(values) | security_options(options.list("security-opt"))
    config["ConsoleSize"] = list(window_size(STDOUT))
    if options.is_given("init"):
        config["Init"] = options.on("init")
    return config


def _logging(options: Options) -> dict[str, Any]:
    driver, settings = options.text("log-driver"), key_values(options.list("log-opt"))
    if driver == "none" and settings:
        raise Failure("invalid logging opts for driver none")
    return _filled({"Type": driver, "Config": settings})


def restart_policy(text: str) -> dict[str, Any]:
    """`name[:count]` as the API's RestartPolicy. Raises `Failure`."""
    name, colon, count = text.partition(":")
    if not colon:
        return {"Name": name, "MaximumRetryCount": 0}
    if not name:
        raise Failure("invalid restart policy format: no policy provided before colon")
    if not count.lstrip("-").isdigit():
        raise Failure("invalid restart policy format: maximum retry count must be an integer")
    return {"Name": name, "MaximumRetryCount": int(count)}


def _tmpfs(specs: list[str]) -> dict[str, str]:
    return {path: flags for path, _, flags in (spec.partition(":") for spec in specs)}


def _storage(options: list[str]) -> dict[str, str]:
    if any("=" not in option for option in options):
        raise Failure("invalid storage option")
    return key_values(options)
