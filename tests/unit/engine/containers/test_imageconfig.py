"""What a container inherits from its image."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import ContainerConfig
from wherry.engine.containers.imageconfig import command_of, merge, of_image
from wherry.errors import Invalid

IMAGE = of_image(
    {
        "Env": ["PATH=/bin", "A=image"],
        "Cmd": ["serve"],
        "Entrypoint": ["/entry"],
        "Labels": {"a": "1", "b": "1"},
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
        "WorkingDir": "/srv",
        "User": "app",
        "StopSignal": "SIGINT",
    }
)


def test_nothing_said_is_the_image_s() -> None:
    merged = merge(ContainerConfig(), IMAGE)
    assert command_of(merged) == ("/entry", ("serve",))
    assert (merged.user, merged.working_dir, merged.stop_signal) == ("app", "/srv", "SIGINT")
    assert merged.env == ("PATH=/bin", "A=image")


def test_a_command_keeps_the_entrypoint() -> None:
    assert command_of(merge(ContainerConfig(cmd=("x",)), IMAGE)) == ("/entry", ("x",))


def test_an_entrypoint_throws_the_image_s_command_away() -> None:
    assert command_of(merge(ContainerConfig(entrypoint=("/mine",)), IMAGE)) == ("/mine", ())


def test_an_empty_entrypoint_means_none() -> None:
    merged = merge(ContainerConfig(entrypoint=("",), cmd=("sh",)), IMAGE)
    assert command_of(merged) == ("sh", ())


def test_environment_and_labels_are_joined_the_user_s_first() -> None:
    merged = merge(ContainerConfig(env=("A=user",), labels={"b": "2"}), IMAGE)
    assert merged.env == ("A=user", "PATH=/bin")
    assert merged.labels == {"a": "1", "b": "2"}


def test_no_command_at_all() -> None:
    with pytest.raises(Invalid, match="no command specified"):
        merge(ContainerConfig(), ContainerConfig())
