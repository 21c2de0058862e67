"""The signature policy: which images may be pulled, by registry and repository. Text in, rules out.

    {
        "default": {"action": "accept"},
        "rules": [
            {"match": "registry.example.com", "action": "reject"},
            {"match": "registry.example.com/prod", "action": "signed", "keys": ["keys/prod.pub"]},
            {"match": "*.example.org", "action": "signed", "keys": ["/etc/keys/a.pem"],
             "identity": "repository"}
        ]
    }

A pattern is `host[:port][/path]`, where the host may begin with `*.`; it fits a repository in full
form (`docker.io/library/debian`) whose host is the same and whose path is the same or lies below.
The most exact row counts: the longest path, then a host without `*`, then the longest host.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.spec.reference import Reference

DEFAULT_PATH: Final = "/etc/wherry/signatures.json"

ACCEPT: Final = "accept"
REJECT: Final = "reject"
SIGNED: Final = "signed"
_ACTIONS: Final = (ACCEPT, REJECT, SIGNED)

ANY: Final = "any"
REPOSITORY: Final = "repository"
_IDENTITIES: Final = (ANY, REPOSITORY)

_RULE_KEYS: Final = frozenset(("match", "action", "keys", "identity"))
_POLICY_KEYS: Final = frozenset(("default", "rules"))


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to images of the repositories that `match` fits ("" for the default row).

    `keys` are paths of public keys; a signature by any one of them will do. `identity` is "any", or
    "repository" where the signature must also name the repository that is pulled from.
    """

    match: str
    action: str
    keys: tuple[str, ...] = ()
    identity: str = ANY

    def __str__(self) -> str:
        """The row as people find it in the file."""
        return f'the row "{self.match}"' if self.match else 'the row "default"'

    def fits(self, reference: Reference) -> bool:
        """Whether the row is about the reference's repository."""
        host, _, path = self.match.partition("/")
        same_host = (
            reference.domain.endswith(host[1:]) if host[0] == "*" else reference.domain == host
        )
        return same_host and (not path or f"{reference.path}/".startswith(f"{path}/"))

    @property
    def exactness(self) -> tuple[int, bool, int]:
        """What orders rows that fit the same repository; the greatest counts."""
        host, _, path = self.match.partition("/")
        return len(path), not host.startswith("*"), len(host)


@dataclass(frozen=True, slots=True)
class Policy:
    """All rows of one file; `path` is for messages."""

    path: str
    default: Rule
    rules: tuple[Rule, ...] = ()

    def rule_for(self, reference: Reference) -> Rule:
        """The row that counts for an image."""
        fitting = [rule for rule in self.rules if rule.fits(reference)]
        return max(fitting, key=lambda rule: rule.exactness, default=self.default)


ACCEPT_EVERYTHING: Final = Policy("", Rule("", ACCEPT))


def parse(data: bytes, path: str) -> Policy:
    """The policy that the file at `path` holds; relative key paths are below its folder.

    Raises Invalid with the row and what is wrong in it: a policy that is half understood would
    let in what it was written to keep out.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"signature policy {path}: not JSON: {error}") from None
    members = _object(document, path, "the file", _POLICY_KEYS)
    rules = members.get("rules", [])
    if not isinstance(rules, list):
        raise Invalid(f'signature policy {path}: "rules" must be a list')
    default = {"action": ACCEPT} | _object(
        members.get("default", {}), path, '"default"', _RULE_KEYS - {"match"}
    )
    found = tuple(_rule(row, path, f"row {number}") for number, row in enumerate(rules, 1))
    _refuse_twice(found, path)
    return Policy(path, _rule({"match": "", **default}, path, '"default"'), found)


def _rule(row: object, path: str, where: str) -> Rule:
    members = _object(row, path, where, _RULE_KEYS)
    match = members.get("match")
    if where != '"default"':
        _check_match(match, path, where)
    action = _choice(members, "action", _ACTIONS, path, where)
    keys = members.get("keys", [])
    if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
        raise Invalid(f'signature policy {path}: {where}: "keys" must be a list of paths')
    if bool(keys) != (action == SIGNED):
        told = "needs" if action == SIGNED else "has no use for"
        raise Invalid(f'signature policy {path}: {where}: action "{action}" {told} "keys"')
    members.setdefault("identity", ANY)
    folder = os.path.dirname(path)
    return Rule(
        str(match),
        action,
        tuple(os.path.join(folder, key) for key in keys),
        _choice(members, "identity", _IDENTITIES, path, where),
    )


def _check_match(match: object, path: str, where: str) -> None:
    fine = isinstance(match, str) and match == match.strip() and match.strip("/") == match != ""
    if not fine or "*" in str(match).removeprefix("*."):
        raise Invalid(
            f'signature policy {path}: {where}: "match" is {match!r}',
            hint="give host, host/path or *.domain/path; every registry is the default's matter",
        )


def _refuse_twice(rules: tuple[Rule, ...], path: str) -> None:
    matches = [rule.match for rule in rules]
    for match in matches:
        if matches.count(match) > 1:
            raise Invalid(f'signature policy {path}: two rows match "{match}"')


def _object(value: object, path: str, where: str, known: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"signature policy {path}: {where} must be an object")
    if unknown := sorted(value.keys() - known):
        raise Invalid(
            f"signature policy {path}: {where}: unknown {', '.join(map(repr, unknown))}",
            hint=f"known are {', '.join(sorted(known))}",
        )
    return dict(value)


def _choice(
    members: dict[str, Any], name: str, choices: tuple[str, ...], path: str, where: str
) -> str:
    value = members.get(name)
    if value not in choices:
        raise Invalid(
            f'signature policy {path}: {where}: "{name}" is {value!r}',
            hint=f"it must be one of {', '.join(choices)}",
        )
    return str(value)
