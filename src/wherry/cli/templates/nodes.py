"""The parts of a parsed template. Plain values; `evaluate` knows what they do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Node = Any


class Text:
    """Text that stands for itself."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Operand:
    """One word of a command.

    `kind` is "literal" (`value` is the value), "dot", "variable" (`value` is its name),
    "function" (its name) or "pipeline" (a `Pipeline` in parentheses). `fields` are the names
    that follow, as in `$x.Name.First`. `source` and `offset` are for error messages.
    """

    __slots__ = ("fields", "kind", "place", "source", "value")

    def __init__(self, kind: str, value: Any, fields: list[str], source: str, place: str) -> None:
        self.kind = kind
        self.value = value
        self.fields = fields
        self.source = source
        self.place = place


class Pipeline:
    """Commands joined by `|`, each a list of operands; the value may go into variables."""

    __slots__ = ("commands", "declares", "variables")

    def __init__(self, commands: list[list[Operand]], variables: list[str], declares: bool) -> None:
        self.commands = commands
        self.variables = variables
        self.declares = declares


class Action:
    """A pipeline whose value is printed, unless it goes into a variable."""

    __slots__ = ("pipeline",)

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline


class Block:
    """`if`, `with` and `range`: a pipeline, what to do with it, and what to do without."""

    __slots__ = ("body", "otherwise", "pipeline")

    def __init__(self, pipeline: Pipeline, body: list[Any], otherwise: list[Any]) -> None:
        self.pipeline = pipeline
        self.body = body
        self.otherwise = otherwise


class If(Block):
    """Body when the value is not empty."""

    __slots__ = ()


class With(Block):
    """Body with the value as dot, when it is not empty."""

    __slots__ = ()


class Range(Block):
    """Body for each element, as dot."""

    __slots__ = ()


class Jump:
    """`break` or `continue` inside a range."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word
