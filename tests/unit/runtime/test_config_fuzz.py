"""OCI configurations that hypothesis writes, by the shape of the format and beside it.

Judging one never fails, and what is found good can be planned, or is refused with a ValueError.
WHERRY_LONG=1 tries for long.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.runtime.cgroup_place import CgroupPlace
from wherry.runtime.plan import describe, plan_launch
from wherry.spec import runtime, runtime_checks
from wherry.spec.runtime_shape import SPEC

LONG = os.environ.get("WHERRY_LONG") == "1"
EXAMPLES = 30_000 if LONG else 150
pytestmark = pytest.mark.timeout(7200 if LONG else 180)

TEXTS = st.one_of(
    st.sampled_from(
        ["", "/", "/proc", "/proc/self/fd/1", "../..", "/dev/../etc", "a\0b", "é\udcff", "bind",
         "rbind", "ro", "rro", "tmpfs", "proc", "c", "b", "p", "rwm", "pid", "mount", "user",
         "network", "RLIMIT_NOFILE", "CAP_CHOWN", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "read",
         "SCMP_CMP_EQ", "SCMP_ARCH_X86_64", "net.ipv4.ip_forward", "kernel.msgmax", "private",
         "shared", "LINUX", "IOPRIO_CLASS_BE", "SCHED_OTHER", "monotonic", "PATH=/bin", "1.2.0"]
    ),
    st.text(max_size=6),
)  # fmt: skip
NUMBERS = st.one_of(st.integers(-2, 70), st.sampled_from([2**31, 2**32, 2**63, 2**64, -(2**63)]))
LEAVES = {"string": TEXTS, "integer": NUMBERS, "boolean": st.booleans()}
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)


def of_shape(shape: Any) -> st.SearchStrategy[Any]:
    """Values of a shape of `wherry.spec.runtime_shape`."""
    if isinstance(shape, str):
        return LEAVES[shape]
    if isinstance(shape, list):
        return st.lists(of_shape(shape[0]), max_size=3)
    if "*" in shape:
        return st.dictionaries(TEXTS, of_shape(shape["*"]), max_size=2)
    required = {key[:-1]: of_shape(value) for key, value in shape.items() if key.endswith("!")}
    optional = {key: of_shape(value) for key, value in shape.items() if not key.endswith("!")}
    return st.fixed_dictionaries(required, optional=optional)


WHOLE = of_shape(SPEC)
PARTS = st.dictionaries(st.sampled_from([*SPEC, "linux"]), ANYTHING, max_size=2)


def merged(base: Any, change: Any) -> Any:
    """The template with what was made over it, key by key."""
    if isinstance(base, dict) and isinstance(change, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in change.items()}}
    return change


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(whole=WHOLE, parts=PARTS, over_template=st.booleans())
def test_any_configuration_is_judged_and_planned(
    whole: dict[str, Any], parts: dict[str, Any], over_template: bool
) -> None:
    spec = merged(runtime.template(), whole) if over_template else whole
    spec = {**spec, **parts}
    found = list(runtime_checks.problems(spec))
    assert all(isinstance(text, str) and text for text in found)
    if found:
        return
    try:
        plan = plan_launch(spec, rootfs="/r", cgroup=CgroupPlace())
    except ValueError as error:
        assert str(error)
        return
    assert describe(plan)
