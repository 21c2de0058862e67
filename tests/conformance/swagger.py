"""Docker's own API definition as a judge of answers.

`Judge.violations(method, path, status, body)` says what in an answer is not as
docker-api-v1.51.yaml has it. Two readings of that file are needed, since dockerd itself does not
keep to it: a list or an object may be null (Go's nil), and a scalar only where `x-nullable` says
so. Keys that the file does not know are told, too.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
SPEC = Path(os.environ.get("WHERRY_SPEC", ROOT.parent / "shared" / "spec"))
API = SPEC / "docker-api-v1.51.yaml"

Json = Any
_VERSION = re.compile(r"/v\d+\.\d+(?=/)")
_VALIDATOR: Any = jsonschema.Draft4Validator

# What dockerd sends and the file does not have.
_UNLISTED = {
    "/events": {"status", "id", "from"},
    "/containers/{id}/json": {"Config.ArgsEscaped", "HostConfig.Cgroup", "HostConfig.Init"},
}

# Where dockerd writes null for a number or a switch that was never set (Go pointers).
_UNSET = re.compile(r"(.*\.)?(MemorySwappiness|OomKillDisable|ExitCode)")


def available() -> bool:
    """Whether the definition is on this machine."""
    return API.exists()


@functools.cache
def judge() -> Judge:
    """The judge, read once (a second or two)."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Judge(yaml.load(API.read_text(), loader))


@dataclass(frozen=True)
class Operation:
    """One method of one path of the definition."""

    template: str
    pattern: re.Pattern[str]
    method: str
    responses: Mapping[str, Json]


class Judge:
    """The definition, ready to be asked."""

    def __init__(self, definition: Json) -> None:
        self._definitions: Json = definition["definitions"]
        self.operations = list(_operations(definition["paths"]))

    def violations(self, method: str, path: str, status: int, body: Json) -> list[str]:
        """Return what is wrong with an answer; `path` may have a version and a query.

        `body` is the JSON value, None where there is none. Streams are judged object by object.
        """
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not in the definition"]
        response = operation.responses.get(str(status))
        if response is None:
            if status < 400:
                return [f"status {status} of {method} {operation.template} is not defined"]
            response = {"schema": {"$ref": "#/definitions/ErrorResponse"}}
        schema = response.get("schema")
        if schema is None or schema.get("format") == "binary":
            return []
        unlisted = _UNLISTED.get(operation.template, set())
        return [*self._misfits(schema, body), *self._strangers(schema, body, unlisted)]

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation that serves a path, literal paths before those with parts."""
        path = _VERSION.sub("", path, count=1).partition("?")[0]
        for operation in self.operations:
            if operation.method == method and operation.pattern.fullmatch(path):
                return operation
        return None

    def _misfits(self, schema: Json, body: Json) -> Iterator[str]:
        document = {"definitions": self._nullable, **_nullable(schema)}
        for error in _VALIDATOR(document).iter_errors(body):
            where = ".".join(map(str, error.absolute_path)) or "the answer"
            if error.instance is None and _UNSET.fullmatch(where):
                continue
            yield f"{where}: {error.message[:300]}"

    @functools.cached_property
    def _nullable(self) -> Json:
        return {name: _nullable(schema) for name, schema in self._definitions.items()}

    def _strangers(self, schema: Json, body: Json, allowed: set[str]) -> Iterator[str]:
        """Yield the keys that the definition does not have."""
        for path in self._unknown(schema, body, ""):
            if path.lstrip(".") not in allowed:
                yield f"{path.lstrip('.')}: not in the definition"

    def _unknown(self, schema: Json, body: Json, path: str) -> Iterator[str]:
        properties, element, any_key = self._shape(schema)
        if isinstance(body, list) and element is not None:
            for item in body:
                yield from self._unknown(element, item, path)
        if not isinstance(body, dict):
            return
        for key, value in body.items():
            if key in properties:
                yield from self._unknown(properties[key], value, f"{path}.{key}")
            elif isinstance(any_key, dict):
                yield from self._unknown(any_key, value, f"{path}.*")
            elif properties and any_key is None:
                yield f"{path}.{key}"

    def _shape(self, schema: Json) -> tuple[dict[str, Json], Json, Json]:
        """Return (properties, schema of elements, schema of other keys), references followed."""
        if "$ref" in schema:
            return self._shape(self._definitions[schema["$ref"].rpartition("/")[2]])
        properties = dict(schema.get("properties", {}))
        element, any_key = schema.get("items"), schema.get("additionalProperties")
        for part in schema.get("allOf", ()):
            more, its_element, its_any_key = self._shape(part)
            properties |= more
            element, any_key = element or its_element, any_key or its_any_key
        return properties, element, any_key


def _operations(paths: Json) -> Iterator[Operation]:
    """Yield every operation; those of paths without parts first."""
    for template in sorted(paths, key=lambda path: path.count("{")):
        for method, operation in paths[template].items():
            if isinstance(operation, dict) and "responses" in operation:
                responses = {str(code): found for code, found in operation["responses"].items()}
                yield Operation(template, _pattern(template), method.upper(), responses)


def _pattern(template: str) -> re.Pattern[str]:
    """Return what matches a path; image and plugin names may have slashes."""
    escaped = re.sub(r"\\\{\w+\\\}", "@", re.escape(template))
    names = template.startswith(("/images/", "/plugins/", "/distribution/"))
    return re.compile(escaped.replace("@", ".+" if names else "[^/]+"))


def _nullable(schema: Json) -> Json:
    """Return a schema of the definition as JSON Schema: null where Go may write it."""
    if isinstance(schema, list):
        return [_nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: _nullable(value)
        for key, value in schema.items()
        if key not in ("example", "x-nullable", "format", "description", "default")
    }
    if "properties" in schema and isinstance(schema["properties"], dict):
        plain["properties"] = {name: _nullable(s) for name, s in schema["properties"].items()}
    return _or_null(schema, plain) if _may_be_null(schema) else plain


def _may_be_null(schema: Json) -> bool:
    nullable = schema.get("x-nullable") or schema.get("type") in ("array", "object")
    return bool(nullable) and not isinstance(schema.get("type"), dict)


def _or_null(schema: Json, plain: Json) -> Json:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return plain | {"type": [schema["type"], "null"]}
    return {"anyOf": [{"type": "null"}, plain]}
