"""Mounts as clients ask for them become mount points."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import (
    BindOptions,
    ContainerConfig,
    HostConfig,
    Mount,
    VolumeDriver,
    VolumeOptions,
)
from wherry.engine.containers.mountpoints import (
    Wanted,
    check_tmpfs,
    from_bind,
    from_mount,
    mount_points,
)
from wherry.engine.containers.ownership import Ids
from wherry.engine.containers.record import Container, MountPoint
from wherry.engine.volumes.values import ANONYMOUS, VolumeRequest
from wherry.errors import Invalid, NotFound


def path(name: str) -> str:
    return f"/volumes/{name}"


def nobody(ref: str) -> Container:
    raise NotFound(f"No such container: {ref}")


def points(config: ContainerConfig, host: HostConfig) -> list[MountPoint]:
    return [wanted.point for wanted in mount_points(config, host, path, nobody)]


def lent(host: HostConfig, *mounts: MountPoint) -> tuple[Wanted, ...]:
    lender = Container(
        id="l", name="l", created=0, path="", args=(), config=ContainerConfig(),
        host_config=HostConfig(), networking=None, image_id="", image_ref="", driver="",  # type: ignore[arg-type]
        directory="", log_path="", mounts=mounts,
    )  # fmt: skip
    return mount_points(ContainerConfig(), host, path, lambda ref: lender)


def test_a_bind() -> None:
    point = from_bind("/src/../data:/x/:ro,z", path).point
    assert (point.kind, point.source, point.destination) == ("bind", "/data", "/x")
    assert (point.mode, point.rw, point.propagation) == ("ro,z", False, "rprivate")
    assert point.options == ("rbind", "rprivate", "rro")
    assert point.create


def test_ownership_by_default() -> None:
    host = HostConfig(binds=("/a:/a", "/b:/b:idmap=none", "v:/v", "/c:/c:idmap"))
    made = mount_points(ContainerConfig(), host, path, nobody, Ids(7, 8), callers=True)
    assert [each.point.idmap for each in made] == ["7:8", "none", "", "owner"]
    made = mount_points(ContainerConfig(), host, path, nobody, None, callers=True)
    assert [each.point.idmap for each in made] == ["", "none", "", "owner"]


def test_propagation() -> None:
    assert from_bind("/a:/b:rslave", path).point.options == ("rbind", "rslave")


def test_a_path_alone_is_an_anonymous_volume() -> None:
    wanted = from_bind("/data", path)
    point, volume = wanted.point, wanted.volume
    assert volume is not None
    assert volume.labels == {ANONYMOUS: ""}
    assert len(volume.name) == 64
    assert (point.kind, point.name, point.source) == ("volume", volume.name, path(volume.name))
    assert (point.driver, point.mode, point.rw, point.copy) == ("local", "z", True, True)


def test_a_named_volume() -> None:
    wanted = from_bind("data:/x:ro,nocopy", path)
    assert wanted.volume == VolumeRequest("data")
    assert (wanted.point.name, wanted.point.source) == ("data", "/volumes/data")
    assert (wanted.point.rw, wanted.point.copy, wanted.point.mode) == (False, False, "ro,nocopy")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:b",
        "/a:b",
        "/a:/",
        "/a:/b:bad",
        "/a:/b:ro,rw",
        "/a:/b:ro:x",
        "/a:ro",
        "data:/x:rslave",
    ],
)
def test_bad_binds(text: str) -> None:
    with pytest.raises(Invalid):
        from_bind(text, path)


def test_a_mount_s_source_must_be_there() -> None:
    with pytest.raises(Invalid, match="bind source path does not exist: /no/such/thing"):
        from_mount(Mount("bind", "/no/such/thing", "/x"), path)


def test_a_bind_mount_that_is_not_recursive() -> None:
    mount = Mount("bind", "/", "/x", read_only=True, bind_options=BindOptions(non_recursive=True))
    point = from_mount(mount, path).point
    assert point.options == ("bind", "rprivate", "ro")
    assert point.mode == ""


def test_a_volume_mount_with_all_options() -> None:
    options = VolumeOptions(
        no_copy=True,
        labels={"a": "b"},
        driver_config=VolumeDriver("local", {"type": "tmpfs", "device": "tmpfs"}),
    )
    wanted = from_mount(Mount("volume", "data", "/x", volume_options=options), path)
    assert wanted.volume == VolumeRequest(
        "data", "local", {"a": "b"}, {"type": "tmpfs", "device": "tmpfs"}
    )
    assert not wanted.point.copy


def test_a_part_of_a_volume() -> None:
    mount = Mount("volume", "data", "/x", volume_options=VolumeOptions(subpath="a/./b"))
    point = from_mount(mount, path).point
    assert (point.source, point.subpath, point.copy) == ("/volumes/data", "a/b", False)


@pytest.mark.parametrize("subpath", ["/etc", "..", "a/../../b"])
def test_a_part_cannot_be_outside(subpath: str) -> None:
    mount = Mount("volume", "data", "/x", volume_options=VolumeOptions(subpath=subpath))
    with pytest.raises(Invalid, match="subpath must be a relative path within the volume"):
        from_mount(mount, path)


@pytest.mark.parametrize(
    "mount",
    [
        Mount("bind", "/a", ""),
        Mount("bind", "", "/x"),
        Mount("bind", "a", "/x"),
        Mount("npipe", "a", "/x"),
        Mount("", "/a", "/x"),
        Mount("tmpfs", "/a", "/x"),
        Mount("volume", "/a", "/x"),
        Mount("bind", "/", "/x", bind_options=BindOptions(propagation="odd")),
    ],
)
def test_bad_mounts(mount: Mount) -> None:
    with pytest.raises(Invalid, match=f'invalid mount config for type "{mount.type}"'):
        from_mount(mount, path)


def test_one_target_is_used_once() -> None:
    host = HostConfig(binds=("/a:/x",), mounts=(Mount("tmpfs", "", "/x/"),))
    with pytest.raises(Invalid, match="Duplicate mount point: /x"):
        points(ContainerConfig(), host)


def test_the_image_s_volume_gives_way() -> None:
    host = HostConfig(binds=("/a:/x",), tmpfs={"/t": ""})
    found = points(ContainerConfig(volumes=("/x", "/t", "/y")), host)
    assert [(point.kind, point.destination) for point in found] == [
        ("bind", "/x"),
        ("volume", "/y"),
    ]
    assert found[1].mode == ""


def test_a_tmpfs_takes_a_target_too() -> None:
    with pytest.raises(Invalid, match="Duplicate mount point: /x/"):
        check_tmpfs(["/x/"], [MountPoint("bind", "/a", "/x")])


def test_mounts_of_another_container() -> None:
    data = from_bind("data:/d", path).point
    tmpfs = MountPoint("tmpfs", "", "/t")
    [wanted] = lent(HostConfig(volumes_from=("l:ro",)), data, tmpfs)
    assert wanted.volume == VolumeRequest("data")
    assert (wanted.point.destination, wanted.point.rw, wanted.point.mode) == ("/d", False, "ro")
    assert wanted.point.options == ("rbind", "rprivate", "rro")


def test_own_mounts_go_before_borrowed_ones() -> None:
    host = HostConfig(volumes_from=("l",), binds=("/mine:/d",))
    [wanted] = lent(host, from_bind("data:/d", path).point)
    assert wanted.point.source == "/mine"


def test_volumes_of_a_container_that_is_not_there() -> None:
    with pytest.raises(Invalid, match="No such container: nobody"):
        points(ContainerConfig(), HostConfig(volumes_from=("nobody",)))


@pytest.mark.parametrize("text", ["", ":ro", "l:odd"])
def test_bad_volumes_from(text: str) -> None:
    with pytest.raises(Invalid):
        points(ContainerConfig(), HostConfig(volumes_from=(text,)))
