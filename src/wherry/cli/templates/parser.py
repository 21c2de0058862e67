"""Tokens into nodes."""

from __future__ import annotations

from wherry.cli.templates.errors import TemplateFailure, line, place
from wherry.cli.templates.functions import FUNCTIONS
from wherry.cli.templates.lexer import Token, pieces, tokens
from wherry.cli.templates.nodes import (
    Action,
    Block,
    If,
    Jump,
    Operand,
    Pipeline,
    Range,
    Text,
    With,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.templates.nodes import Node

_BLOCKS: dict[str, type[Block]] = {"if": If, "range": Range, "with": With}
_CONSTANTS = {"true": True, "false": False, "nil": None}
_LAZY = frozenset(("and", "or"))


def parse(source: str) -> list[Node]:
    """The nodes of a template. Raises `TemplateFailure` with the place and the cause."""
    nodes, stop = _Parser(source).nodes()
    if stop:
        raise TemplateFailure(f"{line(source, 0)}: unexpected {{{{{stop}}}}}")
    return nodes


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces = pieces(source)
        self._tokens: list[Token] = []
        self._depth = 0

    def nodes(self) -> tuple[list[Node], str]:
        """Nodes up to `end`, `else` or the end of the text, and which of them it was."""
        found: list[Node] = []
        for is_action, text, offset in self._pieces:
            if not is_action:
                found += [Text(text)] if text else []
                continue
            self._tokens = tokens(self._source, text, offset)
            word = self._keyword()
            if word in ("end", "else"):
                return found, word
            found.append(self._node(word, offset))
        if self._depth:
            raise self._failure("unexpected EOF", len(self._source))
        return found, ""

    def _keyword(self) -> str:
        self._skip_space()
        words = (*_BLOCKS, "end", "else", "break", "continue")
        if self._tokens and self._tokens[0].kind == "word" and self._tokens[0].value in words:
            return self._tokens.pop(0).value
        return ""

    def _node(self, word: str, offset: int) -> Node:
        if word in _BLOCKS:
            return self._block(_BLOCKS[word], offset)
        if word:
            return Jump(word)
        return Action(self._whole_pipeline(offset))

    def _block(self, kind: type[Block], offset: int) -> Block:
        pipeline = self._whole_pipeline(offset)
        self._depth += 1
        body, stop = self.nodes()
        otherwise: list[Node] = []
        if stop == "else":
            chained = self._keyword()
            if chained in ("if", "with"):
                self._depth -= 1
                return kind(pipeline, body, [self._block(_BLOCKS[chained], offset)])
            otherwise, stop = self.nodes()
        if stop != "end":
            raise self._failure("expected end; found {{else}}", offset)
        self._depth -= 1
        return kind(pipeline, body, otherwise)

    def _whole_pipeline(self, offset: int) -> Pipeline:
        pipeline = self._pipeline(offset)
        if self._tokens:
            raise self._failure("unexpected right paren", self._tokens[0].offset)
        return pipeline

    def _pipeline(self, offset: int) -> Pipeline:
        variables, declares = self._declaration()
        commands = [self._command(offset)]
        while self._tokens and self._tokens[0].kind == "|":
            self._tokens.pop(0)
            commands.append(self._command(offset))
        return Pipeline(commands, variables, declares)

    def _declaration(self) -> tuple[list[str], bool]:
        """`$a :=`, `$a, $b :=` or `$a =` in front of a pipeline."""
        solid = [token for token in self._tokens if token.kind != " "]
        names: list[str] = []
        for position, token in enumerate(solid):
            if token.kind in (":=", "=") and names:
                del self._tokens[: self._tokens.index(token) + 1]
                return names, token.kind == ":="
            if token.kind == "variable" and position % 2 == 0:
                names.append(token.value)
            elif token.kind != ",":
                break
        return [], False

    def _command(self, offset: int) -> list[Operand]:
        operands: list[Operand] = []
        self._skip_space()
        while self._tokens and self._tokens[0].kind not in ("|", ")"):
            operands.append(self._operand())
            self._skip_space()
        if not operands:
            raise self._failure("missing value for command", offset)
        return operands

    def _operand(self) -> Operand:
        token = self._tokens.pop(0)
        kind, value = self._value(token)
        fields = [token.value] if token.kind == "field" and token.value else []
        end = token.end
        where = place(self._source, token.offset)
        while self._tokens and self._tokens[0].kind == "field" and kind != "literal":
            name = self._tokens.pop(0)
            fields.append(name.value)
            end = name.end
            where = place(self._source, name.offset)
        return Operand(kind, value, fields, self._source[token.offset : end], where)

    def _value(self, token: Token) -> tuple[str, Any]:
        if token.kind == "field":
            return "dot", None
        if token.kind == "string":
            return "literal", token.value
        if token.kind in ("number", "char"):
            return "literal", self._number(token)
        if token.kind == "variable":
            return "variable", token.value
        if token.kind == "(":
            return "pipeline", self._parenthesised(token)
        if token.kind == "word":
            return self._word(token)
        raise self._failure(f'unexpected "{token.kind}" in operand', token.offset)

    def _word(self, token: Token) -> tuple[str, Any]:
        if token.value in _CONSTANTS:
            return "literal", _CONSTANTS[token.value]
        if token.value not in FUNCTIONS and token.value not in _LAZY:
            raise self._failure(f'function "{token.value}" not defined', token.offset)
        return "function", token.value

    def _parenthesised(self, token: Token) -> Pipeline:
        pipeline = self._pipeline(token.offset)
        if not self._tokens:
            raise self._failure("unclosed left paren", token.offset)
        self._tokens.pop(0)
        return pipeline

    def _number(self, token: Token) -> int | float:
        try:
            return int(token.value, 0)
        except ValueError:
            pass
        try:
            return float(token.value)
        except ValueError:
            raise self._failure(f'bad number syntax: "{token.value}"', token.offset) from None

    def _skip_space(self) -> None:
        while self._tokens and self._tokens[0].kind == " ":
            self._tokens.pop(0)

    def _failure(self, text: str, offset: int) -> TemplateFailure:
        return TemplateFailure(f"{line(self._source, offset)}: {text}")
