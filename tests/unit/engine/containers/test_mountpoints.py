"""`-v` and `--mount` in Docker's words."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import BindOptions, ContainerConfig, HostConfig, Mount
from wherry.engine.containers.mountpoints import from_bind, from_mount, mount_points
from wherry.errors import Invalid, Unsupported


def test_a_bind() -> None:
    point = from_bind("/src/../data:/x/:ro,z", "/c")
    assert (point.kind, point.source, point.destination) == ("bind", "/data", "/x")
    assert (point.rw, point.mode, point.propagation) == (False, "ro,z", "rprivate")
    assert point.options == ("rbind", "rprivate", "rro")
    assert point.create


def test_propagation() -> None:
    assert from_bind("/a:/b:rslave", "/c").options == ("rbind", "rslave")


def test_an_anonymous_volume_lies_in_the_container_s_directory() -> None:
    point = from_bind("/data", "/c")
    assert point.kind == "volume"
    assert point.source == f"/c/volumes/{point.name}/_data"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid volume specification: ''"),
        (":/x", "invalid volume specification: ':/x'"),
        ("/a:rw", "invalid volume specification: '/a:rw'"),
        ("/a:/b:rw:x", "invalid volume specification"),
        ("/a:/b:nope", "invalid mode: nope"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:b", "mount path must be absolute"),
        ("/a:/", "destination can't be '/'"),
        ("/a:/x/..", "destination can't be '/'"),
    ],
)
def test_bad_binds(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        from_bind(text, "/c")
    assert words in caught.value.message


def test_named_volumes_are_refused_plainly() -> None:
    with pytest.raises(Unsupported, match="named volumes"):
        from_bind("data:/x", "/c")


def test_a_mount_needs_its_source() -> None:
    with pytest.raises(Invalid) as caught:
        from_mount(Mount("bind", "/no/such/thing", "/x"), "/c")
    assert caught.value.message == (
        'invalid mount config for type "bind": bind source path does not exist: /no/such/thing'
    )


def test_a_bind_mount_that_is_not_recursive() -> None:
    mount = Mount("bind", "/", "/x", True, bind_options=BindOptions(non_recursive=True))
    point = from_mount(mount, "/c")
    assert point.options == ("bind", "rprivate", "ro")
    assert point.mode == ""


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (Mount("bind", "/", ""), "field Target must not be empty"),
        (Mount("bind", "", "/x"), "field Source must not be empty"),
        (Mount("tmpfs", "/a", "/x"), "field Source must not be specified"),
        (Mount("nope", "/a", "/x"), "mount type unknown"),
    ],
)
def test_bad_mounts(mount: Mount, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        from_mount(mount, "/c")
    assert words in caught.value.message


def test_one_target_is_used_once() -> None:
    host = HostConfig(binds=("/a:/x", "/b:/x/"))
    with pytest.raises(Invalid, match="Duplicate mount point: /x"):
        mount_points(ContainerConfig(), host, "/c")


def test_the_image_s_volume_gives_way() -> None:
    host = HostConfig(binds=("/a:/x",), tmpfs={"/t": ""})
    points = mount_points(ContainerConfig(volumes=("/x", "/t", "/y")), host, "/c")
    assert [(point.kind, point.destination) for point in points] == [
        ("bind", "/x"),
        ("volume", "/y"),
    ]
