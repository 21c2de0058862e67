"""The default pieces, and the configuration made of them, held against OCI's own schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from wherry.spec import runtime, runtime_checks

SCHEMAS = Path(__file__).parents[4] / "shared" / "spec" / "oci-runtime"


def check_schema(value: dict[str, Any], name: str) -> None:
    """Raise jsonschema.ValidationError when `value` is not what the schema file says."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"{SCHEMAS} is not on this machine")
    store = {
        f"file:///{file.name}": json.loads(file.read_text()) for file in SCHEMAS.glob("*.json")
    }
    resolver = jsonschema.RefResolver(f"file:///{name}", store[f"file:///{name}"], store=store)
    jsonschema.Draft4Validator(store[f"file:///{name}"], resolver=resolver).validate(value)


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver")
@pytest.mark.parametrize("ids", [None, (1000, 100)])
def test_template_fits_the_schema_and_our_checks(ids: tuple[int, int] | None) -> None:
    template = runtime.template(rootless_ids=ids)
    check_schema(template, "config-schema.json")
    assert list(runtime_checks.problems(template)) == []


def test_template_for_a_user_maps_only_that_user() -> None:
    linux = runtime.template(rootless_ids=(1000, 100))["linux"]
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": 1000, "size": 1}]
    assert linux["gidMappings"] == [{"containerID": 0, "hostID": 100, "size": 1}]
    assert {"type": "user"} in linux["namespaces"]
    assert "resources" not in linux


def test_copies_are_fresh() -> None:
    runtime.mounts()[0]["options"].append("ro")
    runtime.capabilities()["bounding"].clear()
    assert "ro" not in runtime.mounts()[0]["options"]
    assert runtime.capabilities()["bounding"]


def test_only_root_has_capabilities_from_the_start() -> None:
    assert runtime.capabilities(root=False) == {"bounding": list(runtime.CAPABILITIES)}
    assert "ambient" not in runtime.capabilities()
    assert "inheritable" not in runtime.capabilities()


def test_device_rules_refuse_first() -> None:
    assert runtime.device_rules()[0] == {"allow": False, "access": "rwm"}
    assert runtime.device_rules(privileged=True) == [{"allow": True, "access": "rwm"}]
