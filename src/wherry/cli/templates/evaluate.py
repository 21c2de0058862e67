"""Applying a parsed template to a value."""

from __future__ import annotations

from wherry.cli.templates.errors import TemplateFailure
from wherry.cli.templates.fields import Fields
from wherry.cli.templates.functions import FUNCTIONS
from wherry.cli.templates.nodes import Action, If, Jump, Range, Text, With
from wherry.cli.templates.nulls import is_left_out, null_text
from wherry.cli.templates.printing import go_text, is_true

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.cli.templates.nodes import Node, Operand, Pipeline

_MISSING = object()


class _Leave(Exception):
    """A `break` or `continue` on its way to its range."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def render(nodes: list[Node], value: Any) -> str:
    """The template's text for `value`. Raises `TemplateFailure`."""
    parts: list[str] = []
    _Run(parts).nodes(nodes, value, {"": value})
    return "".join(parts)


class _Run:
    def __init__(self, parts: list[str]) -> None:
        self._parts = parts

    def nodes(self, nodes: list[Node], dot: Any, scope: dict[str, Any]) -> None:
        """Do the nodes in order; variables declared among them end with them."""
        inner = _Scope(scope)
        for node in nodes:
            _STEPS[type(node)](self, node, dot, inner)

    def text(self, node: Text, dot: Any, scope: dict[str, Any]) -> None:
        self._parts.append(node.text)

    def action(self, node: Action, dot: Any, scope: dict[str, Any]) -> None:
        value = _pipeline(node.pipeline, dot, scope)
        if not node.pipeline.variables:
            self._parts.append(null_text(node.pipeline) if value is None else go_text(value))

    def choose(self, node: If, dot: Any, scope: dict[str, Any]) -> None:
        inner = _Scope(scope)
        chosen = node.body if is_true(_pipeline(node.pipeline, dot, inner)) else node.otherwise
        self.nodes(chosen, dot, inner)

    def with_value(self, node: With, dot: Any, scope: dict[str, Any]) -> None:
        inner = _Scope(scope)
        value = _pipeline(node.pipeline, dot, inner)
        if is_true(value):
            self.nodes(node.body, value, inner)
        else:
            self.nodes(node.otherwise, dot, inner)

    def each(self, node: Range, dot: Any, scope: dict[str, Any]) -> None:
        pairs = _elements(node.pipeline, _pipeline(node.pipeline, dot, _Scope(scope)))
        if not pairs:
            self.nodes(node.otherwise, dot, scope)
        for key, value in pairs:
            inner = _Scope(scope)
            names = node.pipeline.variables
            inner.update(zip(names, (key, value) if len(names) > 1 else (value,), strict=False))
            try:
                self.nodes(node.body, value, inner)
            except _Leave as leave:
                if leave.word == "break":
                    break

    def jump(self, node: Jump, dot: Any, scope: dict[str, Any]) -> None:
        raise _Leave(node.word)


class _Scope(dict):  # type: ignore[type-arg]
    """Variables, with those of the enclosing block behind them."""

    def __init__(self, outer: dict[str, Any]) -> None:
        super().__init__()
        self.outer = outer

    def __missing__(self, name: str) -> Any:
        return self.outer[name]

    def assign(self, name: str, value: Any) -> None:
        """Change a variable where it was declared."""
        scope: Any = self
        while isinstance(scope, _Scope) and name not in scope:
            scope = scope.outer
        scope[name] = value


_STEPS: dict[type, Callable[..., None]] = {
    Text: _Run.text,
    Action: _Run.action,
    If: _Run.choose,
    With: _Run.with_value,
    Range: _Run.each,
    Jump: _Run.jump,
}


def _elements(pipeline: Pipeline, value: Any) -> list[tuple[Any, Any]]:
    if value is None:
        return []
    if isinstance(value, dict):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return [(number, number) for number in range(value)]
    operand = pipeline.commands[-1][0]
    raise _failure(operand, f"range can't iterate over {go_text(value)}")


def _pipeline(pipeline: Pipeline, dot: Any, scope: dict[str, Any]) -> Any:
    value: Any = _MISSING
    for command in pipeline.commands:
        value = _command(command, value, dot, scope)
    if len(pipeline.variables) == 1:
        name = pipeline.variables[0]
        if pipeline.declares or not isinstance(scope, _Scope):
            scope[name] = value
        else:
            scope.assign(name, value)
    return value


def _command(command: list[Operand], final: Any, dot: Any, scope: dict[str, Any]) -> Any:
    first, *rest = command
    if first.kind == "function" and first.value in ("and", "or"):
        return _short_circuit(first.value == "and", rest, final, dot, scope)
    arguments = [_operand(operand, dot, scope) for operand in rest]
    if final is not _MISSING:
        arguments.append(final)
    if first.kind == "function":
        return _call(first, FUNCTIONS[first.value], arguments)
    value = _operand(first, dot, scope, call=True)
    if callable(value):
        return _call(first, value, arguments)
    if arguments:
        raise _failure(first, f"can't give argument to non-function {first.source}")
    return value


def _call(operand: Operand, function: Callable[..., Any], arguments: list[Any]) -> Any:
    try:
        return function(*arguments)
    except TypeError:
        raise _failure(
            operand, f"wrong number or type of args for {operand.source.lstrip('.')}"
        ) from None
    except (ValueError, AttributeError, KeyError) as error:
        raise _failure(operand, f"error calling {operand.source}: {error}") from None


def _short_circuit(
    stop_at_false: bool, rest: list[Operand], final: Any, dot: Any, scope: dict[str, Any]
) -> Any:
    value: Any = None
    for operand in rest:
        value = _operand(operand, dot, scope)
        if is_true(value) is not stop_at_false:
            return value
    return value if final is _MISSING else final


def _operand(operand: Operand, dot: Any, scope: dict[str, Any], *, call: bool = False) -> Any:
    if operand.kind == "literal":
        return operand.value
    if operand.kind == "function":
        return _call(operand, FUNCTIONS[operand.value], [])
    if operand.kind == "pipeline":
        value = _pipeline(operand.value, dot, scope)
    elif operand.kind == "variable":
        value = _variable(operand, scope)
    else:
        value = dot
    parent = ""
    for name in operand.fields:
        value = _field(operand, value, name, parent)
        parent = name
    return value if call or not callable(value) else _call(operand, value, [])


def _variable(operand: Operand, scope: dict[str, Any]) -> Any:
    try:
        return scope[operand.value]
    except KeyError:
        raise _failure(operand, f'undefined variable "${operand.value}"') from None


def _field(operand: Operand, value: Any, name: str, parent: str) -> Any:
    if isinstance(value, Fields):
        found = value.get(name, _MISSING)
        found = value.methods.get(name, _MISSING) if found is _MISSING else found
        if found is _MISSING:
            raise _failure(operand, f"can't evaluate field {name} in type {value.kind}")
        return found
    if isinstance(value, dict):
        return _entry(operand, value, name, parent)
    if value is None:
        raise _failure(operand, f"nil pointer evaluating interface {{}}.{name}")
    raise _failure(operand, f"can't evaluate field {name} in type interface {{}}")


def _entry(operand: Operand, value: dict[str, Any], name: str, parent: str) -> Any:
    if name in value:
        return value[name]
    # Docker's templates see Go's field names beside the JSON's: ID for Id, NanoCPUs for NanoCpus.
    folded = name.lower()
    for key in value:
        if key.lower() == folded:
            return value[key]
    if is_left_out(name, parent):
        return None
    raise _failure(operand, f'map has no entry for key "{name}"')


def _failure(operand: Operand, text: str) -> TemplateFailure:
    return TemplateFailure(f'{operand.place}: executing "" at <{operand.source}>: {text}')
