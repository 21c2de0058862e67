"""From a bundle to a plan with its descriptors.

The launcher sees little of the file system (`wherry.runtime.mount_trim`), and a path could change
between check and use: what is to be bind-mounted or joined is opened here, and goes along.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from wherry.engine.containers.runtime import (
    LAYERS,
    SUBPATH,
    Bundle,
    ExecProcess,
    LaunchError,
    WindowSize,
)
from wherry.kernel import mount
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.kernel.idmapped import mapped_overlay
from wherry.kernel.namespace import id_map, open_mapped_user_namespace, outside
from wherry.kernel.overlay import overlay
from wherry.kernel.path import open_in
from wherry.runtime.plan import CgroupPlace, plan_join, plan_launch

_RECURSIVE = "rbind"

Maps = tuple[Sequence[Mapping[str, int]], Sequence[Mapping[str, int]]]
"""Rows of a container's uid and gid maps, none without a user namespace."""


@contextmanager
def start_plan(
    id: str, bundle: Bundle, cgroup: Cgroup
) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """The plan of a container's first process, and its descriptors, open while the block lasts.

    Raises LaunchError naming the mount or namespace that cannot be opened, or what is wrong in
    the spec.
    """
    with opened_spec(bundle) as (spec, fds):
        yield _planned(id, bundle, spec, cgroup), fds


@contextmanager
def opened_spec(bundle: Bundle) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """The bundle's spec with ("fd", n) for what it names on the host, and those descriptors.

    Raises LaunchError naming the mount or namespace that cannot be opened.
    """
    with ExitStack() as opened:
        fds: list[int] = []

        def travel(fd: int) -> tuple[str, int]:
            opened.callback(os.close, fd)
            fds.append(fd)
            return ("fd", len(fds) - 1)

        linux = dict(bundle.spec["linux"])
        linux["namespaces"] = [
            {**item, "path": travel(_open_namespace(item["path"]))} if item.get("path") else item
            for item in linux.get("namespaces") or ()
        ]
        maps = linux.get("uidMappings") or (), linux.get("gidMappings") or ()
        mounts = [
            {**item, "source": travel(_open_source(item, maps))} if _is_bind(item) else item
            for item in bundle.spec.get("mounts") or ()
        ]
        process = sized(bundle.spec["process"], bundle.window)
        yield {**bundle.spec, "process": process, "linux": linux, "mounts": mounts}, fds


def exec_plan(
    id: str, process: ExecProcess, namespaces: Sequence[str], cgroup: Cgroup
) -> dict[str, Any]:
    """The plan of an exec in container `id`; its one descriptor is its first process's pidfd."""
    try:
        return plan_join(
            sized(process.process, process.window),
            namespaces=[{"type": name} for name in namespaces],
            cgroup=CgroupPlace.of(cgroup),
            seccomp=process.seccomp,
            landlock=process.landlock,
            user=process.user,
            groups=process.groups,
            terminal=process.terminal,
            keyring=_keyring(id),
        )
    except ValueError as error:
        raise LaunchError("plan", 0, str(error)) from error


def _planned(id: str, bundle: Bundle, spec: Mapping[str, Any], cgroup: Cgroup) -> dict[str, Any]:
    try:
        return plan_launch(
            spec,
            rootfs=bundle.rootfs,
            cgroup=CgroupPlace.of(cgroup),
            seccomp=bundle.seccomp,
            landlock=bundle.landlock,
            user=bundle.user,
            groups=bundle.groups,
            terminal=bundle.terminal,
            create_cwd=bundle.create_cwd,
            keyring=_keyring(id),
            map_root=True,
        )
    except ValueError as error:
        raise LaunchError("plan", 0, str(error)) from error


def _keyring(id: str) -> str:
    """The session keyring's name, as runc's: containers see neither our keys nor each other's."""
    return f"_ses.{id}"


def sized(process: Mapping[str, Any], window: WindowSize | None) -> Mapping[str, Any]:
    """An OCI process object with the terminal's first size."""
    if window is None:
        return process
    return {**process, "consoleSize": {"height": window.height, "width": window.width}}


def _is_bind(item: Mapping[str, Any]) -> bool:
    options = item.get("options") or ()
    bind = item.get("type") == "bind" or "bind" in options or _RECURSIVE in options
    return bind and isinstance(item.get("source"), str)


def _open_source(item: Mapping[str, Any], maps: Maps) -> int:
    recursive = _RECURSIVE in (item.get("options") or ())
    try:
        if LAYERS in item:
            return _open_layers(item[LAYERS], item.get(SUBPATH, ""), maps)
        if SUBPATH in item:
            return _open_below(item["source"], item[SUBPATH], recursive=recursive)
        return mount.clone_tree(item["source"], recursive=recursive)
    except OSError as error:
        named = item["source"] or item["destination"]
        place = "/".join(filter(None, (named, item.get(SUBPATH))))
        text = f"cannot mount {place}: {os.strerror(error.errno or 0).lower()}"
        raise LaunchError("mount", error.errno or 0, text) from error


def _open_layers(options: Sequence[str], subpath: str, maps: Maps) -> int:
    """A detached overlay, or a part of it (a part of what is detached: Linux 6.15)."""
    with tempfile.TemporaryDirectory(prefix="wherry-") as stage:
        whole = _overlay(list(options), maps, stage)
    if not subpath:
        return whole
    try:
        place = open_in(whole, subpath, os.O_PATH)
        try:
            return mount.clone_tree("", dirfd=place)
        finally:
            os.close(place)
    finally:
        os.close(whole)


def _overlay(options: list[str], maps: Maps, stage: str) -> int:
    uids, gids = (
        id_map([(row["containerID"], row["hostID"], row["size"]) for row in rows]) for rows in maps
    )
    if not uids:
        return overlay(options, stage=stage)
    userns = open_mapped_user_namespace(uids, gids)
    try:
        return mapped_overlay(options, userns, (outside(uids, 0), outside(gids, 0)), stage)
    finally:
        os.close(userns)


def _open_below(source: str, subpath: str, *, recursive: bool) -> int:
    root = os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place = open_in(root, subpath, os.O_PATH)
    finally:
        os.close(root)
    try:
        return mount.clone_tree("", dirfd=place, recursive=recursive)
    finally:
        os.close(place)


def _open_namespace(path: str) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        text = f"cannot join the namespace {path}: {os.strerror(error.errno or 0).lower()}"
        raise LaunchError("namespace", error.errno or 0, text) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise LaunchError("namespace", 0, f"cannot join {path}: it is no namespace")
    return fd
