"""What a container inherits from its image, and what of it the user's configuration replaces.

Docker's rules: the user's value wins where there is one; environment, labels, ports and volumes are
joined; a user's entrypoint also throws the image's command away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wherry.engine.containers.config import ContainerConfig, Healthcheck
from wherry.engine.networks import egress
from wherry.errors import Invalid
from wherry.spec.jsondecode import decode


def of_image(config: Mapping[str, Any]) -> ContainerConfig:
    """The `config` object of an image's document. Raises Invalid where it has a wrong type."""
    return decode(ContainerConfig, {key: value for key, value in config.items() if value})


def merge(user: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """The user's configuration, completed by the image's. Raises Invalid without a command."""
    merged = replace(
        user,
        user=user.user or image.user,
        exposed_ports=_union(user.exposed_ports, image.exposed_ports),
        env=_environment(user.env, image.env),
        labels={**_labels(image.labels), **(user.labels or {})},
        working_dir=user.working_dir or image.working_dir,
        volumes=_union(user.volumes, image.volumes),
        stop_signal=user.stop_signal or image.stop_signal,
        shell=user.shell or image.shell,
        healthcheck=_health(user.healthcheck, image.healthcheck),
        **_command(user, image),
    )
    if not merged.entrypoint and not merged.cmd:
        raise Invalid("no command specified", hint="give one, or use an image that has one")
    return merged


def _labels(image: Mapping[str, str] | None) -> dict[str, str]:
    """The image's labels without an egress policy: who makes an image must not loosen one."""
    return {name: value for name, value in (image or {}).items() if name != egress.LABEL}


def _command(user: ContainerConfig, image: ContainerConfig) -> dict[str, Any]:
    entrypoint, cmd = user.entrypoint, user.cmd
    if not entrypoint:
        cmd = cmd or image.cmd
        if entrypoint is None:
            entrypoint = image.entrypoint
    # [""] is how a client says: no entrypoint, whatever the image has
    return {"entrypoint": None if entrypoint in ((), ("",)) else entrypoint, "cmd": cmd}


def _environment(user: Sequence[str] | None, image: Sequence[str] | None) -> tuple[str, ...] | None:
    if not user:
        return tuple(image) if image is not None else None
    names = {entry.partition("=")[0] for entry in user}
    inherited = [entry for entry in image or () if entry.partition("=")[0] not in names]
    return (*user, *inherited)


def _union(user: tuple[str, ...] | None, image: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if not user and not image:
        return image or None
    return tuple(dict.fromkeys((*(user or ()), *(image or ()))))


def _health(user: Healthcheck | None, image: Healthcheck | None) -> Healthcheck | None:
    if user is None or image is None:
        return user or image
    return Healthcheck(
        test=user.test or image.test,
        interval=user.interval or image.interval,
        timeout=user.timeout or image.timeout,
        start_period=user.start_period or image.start_period,
        start_interval=user.start_interval or image.start_interval,
        retries=user.retries or image.retries,
    )


def command_of(config: ContainerConfig) -> tuple[str, tuple[str, ...]]:
    """The program and its arguments: entrypoint and command joined."""
    words = (*(config.entrypoint or ()), *(config.cmd or ()))
    return words[0], words[1:]
