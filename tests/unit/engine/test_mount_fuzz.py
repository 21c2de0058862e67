"""Mounts that hypothesis writes: read, or refused with an error of ours, and never leading out."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.engine.containers import mountwords, ownership
from wherry.engine.containers.checks import texts
from wherry.engine.containers.config import ContainerConfig, HostConfig, Mount
from wherry.engine.containers.confinement import Confinement
from wherry.engine.containers.mountpoints import mount_points
from wherry.engine.containers.record import Container
from wherry.engine.containers.spec.mounts import merge_options
from wherry.errors import Denied, Invalid, NotFound, Unsupported
from wherry.runtime import mount_options
from wherry.spec.jsondecode import decode

LONG = os.environ.get("WHERRY_LONG") == "1"
EXAMPLES = 50_000 if LONG else 300
pytestmark = pytest.mark.timeout(7200 if LONG else 180)
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PARTS = [
    "a",
    "b",
    "..",
    ".",
    "",
    "root",
    "etc",
    "proc",
    "self",
    "x" * 300,
    "é",
    "\0",
    ":",
    ",",
    " ",
]
PATHS = st.one_of(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("/".join),
    st.lists(st.sampled_from(PARTS), max_size=6).map(lambda parts: "/root/" + "/".join(parts)),
    st.text(max_size=12),
)
WORDS = st.one_of(
    st.sampled_from(
        [*mountwords.ACCESS, *mountwords.LABELS, *mountwords.PROPAGATION, *mountwords.COPY,
         *mount_options.ATTRIBUTES, "idmap", "idmap=caller", "idmap=uids=0-0-1", "bind", "rbind",
         "remount", "size=1m", "mode=1777", "rro", ""]
    ),
    st.text(alphabet="roidmap=uids-0129#;,", max_size=14),
)  # fmt: skip
BINDS = st.builds(
    lambda source, target, words: ":".join([source, target, *([",".join(words)] if words else [])]),
    PATHS, PATHS, st.lists(WORDS, max_size=3),
)  # fmt: skip
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), PATHS, WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "type", "o"]), inner, max_size=2),
    ),
    max_leaves=5,
)  # fmt: skip
MOUNTS = st.fixed_dictionaries(
    {"Type": st.sampled_from(["bind", "volume", "tmpfs", "image", "npipe", ""])},
    optional={
        "Source": PATHS,
        "Target": PATHS,
        "ReadOnly": st.booleans(),
        "BindOptions": st.fixed_dictionaries(
            {}, optional={"Propagation": WORDS, "NonRecursive": st.booleans(),
                          "CreateMountpoint": st.booleans(), "IDMapping": JSON, "Subpath": PATHS},
        ),
        "VolumeOptions": st.fixed_dictionaries(
            {}, optional={"Subpath": PATHS, "NoCopy": st.booleans(), "DriverConfig": JSON},
        ),
        "TmpfsOptions": st.fixed_dictionaries(
            {}, optional={"SizeBytes": st.integers(), "Mode": st.integers(), "Options": JSON},
        ),
    },
)  # fmt: skip
OURS = (Invalid, Unsupported, Denied, NotFound)


def lender(ref: str) -> Container:
    raise NotFound(ref)


@FUZZ
@given(
    binds=st.lists(BINDS, max_size=2),
    mounts=st.lists(MOUNTS, max_size=2),
    volumes=st.lists(PATHS, max_size=2),
)
def test_mount_points(binds: list[str], mounts: list[Any], volumes: list[str]) -> None:
    try:
        host = HostConfig(
            binds=tuple(binds),
            mounts=tuple(decode(Mount, mount, "mount.Mount") for mount in mounts),
        )
        caller = ownership.Ids(7, 7)
        config = ContainerConfig(volumes=tuple(volumes))
        texts.check(host)  # before all else, as `Creation` does
        texts.check(config)
        wanted = mount_points(config, host, "/volumes/{}".format, lender, caller)
    except OURS as error:
        assert str(error)
        return
    for point in (each.point for each in wanted):
        assert point.destination.startswith("/") and "\0" not in point.destination
        assert ".." not in point.destination.split("/")[1:], point
        assert point.destination not in ("/", "//")
        assert ".." not in point.subpath.split("/"), point
        assert not point.subpath.startswith("/")
    try:
        held = Confinement("/root").confined(wanted, caller)
    except OURS:
        return
    for point in (each.point for each in held if each.point.kind == "bind"):
        assert point.source == "/root" and not point.create
        assert ".." not in point.subpath.split("/") and not point.subpath.startswith("/")


@FUZZ
@given(words=st.lists(WORDS, max_size=8))
def test_words(words: list[str]) -> None:
    """Read as they are: every word is sorted somewhere, and what is taken back is gone."""
    options = mount_options.parse(words)
    on, off = options.attributes
    assert on & off == 0 or set(words) & {"noatime", "strictatime"}
    assert set(options.data) <= set(words)
    merged = merge_options(words)
    assert set(merged) <= set(words)
    assert not {"ro", "rw"} <= set(merged)


@FUZZ
@given(text=BINDS)
def test_bind_texts(text: str) -> None:
    try:
        source, target, words = mountwords.split_bind(text)
        clean = mountwords.clean_target(target)
    except Invalid:
        return
    assert source in text and target in text
    assert all(word in text for word in words)
    assert clean.startswith("/") and "/../" not in f"{clean}/"
