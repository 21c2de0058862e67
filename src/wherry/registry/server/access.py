"""Who may do what: rules of users, repositories and actions.

A rule allows; what no rule allows is refused. `users` names users, `*` (everybody who has logged
in) or `anonymous` (everybody, logged in or not). `repositories` are patterns in which `*` stands
for any characters, slashes too, and `{user}` for the user's name.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from wherry.http.message import Request
from wherry.registry.server.errors import RegistryError

ANONYMOUS: Final = "anonymous"
EVERYBODY: Final = "*"


class Action(enum.Enum):
    """What can be done with a repository; the values are the words of token scopes."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"


ALL: Final = frozenset(Action)


@dataclass(frozen=True, slots=True)
class Rule:
    """Allows `actions` on `repositories` to `users`."""

    users: tuple[str, ...] = (ANONYMOUS,)
    repositories: tuple[str, ...] = ("*",)
    actions: frozenset[Action] = ALL

    def covers(self, user: str, name: str) -> bool:
        """Whether the rule is about this user ("" for anybody) and repository."""
        named = user and (EVERYBODY in self.users or user in self.users)
        if not named and ANONYMOUS not in self.users:
            return False
        return any(_pattern(each, user).fullmatch(name) for each in self.repositories)


@dataclass(frozen=True, slots=True)
class Rights:
    """All rules together."""

    rules: tuple[Rule, ...] = (Rule(),)

    def actions(self, user: str, name: str) -> frozenset[Action]:
        """What a user ("" for anybody) may do with a repository."""
        allowed: set[Action] = set()
        for rule in self.rules:
            if rule.covers(user, name):
                allowed |= rule.actions
        return frozenset(allowed)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request: a user ("" for anybody).

    `grants` are the actions of a token by repository; None where the rules alone decide.
    """

    user: str = ""
    grants: tuple[tuple[str, frozenset[Action]], ...] | None = None
    catalog: bool = True


class Guard(Protocol):
    """Decides about requests."""

    async def identify(self, request: Request) -> Identity:
        """Who sent a request. Raises RegistryError: UNAUTHORIZED for wrong credentials."""

    def actions(self, identity: Identity, name: str) -> frozenset[Action]:
        """What the sender may do with a repository."""

    def refuse(
        self, request: Request, identity: Identity, name: str, action: Action
    ) -> RegistryError:
        """The answer to somebody who may not."""

    def demands_login(self, identity: Identity) -> bool:
        """Whether `GET /v2/` asks for credentials first."""

    def challenge(self, request: Request, scopes: Sequence[str] = ()) -> dict[str, str]:
        """The header that tells how to log in."""


@dataclass(frozen=True, slots=True)
class Open:
    """No users: the rules say what anybody may do (everything, unless told otherwise)."""

    rights: Rights = field(default_factory=Rights)

    async def identify(self, request: Request) -> Identity:
        """See Guard; credentials are ignored."""
        return Identity()

    def actions(self, identity: Identity, name: str) -> frozenset[Action]:
        """See Guard."""
        return self.rights.actions("", name)

    def refuse(
        self, request: Request, identity: Identity, name: str, action: Action
    ) -> RegistryError:
        """See Guard."""
        return denied(name, action, "")

    def demands_login(self, identity: Identity) -> bool:
        """See Guard."""
        return False

    def challenge(self, request: Request, scopes: Sequence[str] = ()) -> dict[str, str]:
        """See Guard."""
        return {}


def denied(name: str, action: Action, user: str) -> RegistryError:
    """The refusal of somebody who is known and may not."""
    who = f"user {user}" if user else "anonymous"
    return RegistryError(
        "DENIED", f"{who} may not {action.value} repository {name}", detail={"name": name}
    )


def actions_of(words: Iterable[str]) -> frozenset[Action]:
    """Actions by their words, `*` being all; unknown words are left out."""
    known = {each.value: each for each in Action}
    wanted = set(words)
    return ALL if "*" in wanted else frozenset(known[word] for word in wanted if word in known)


@lru_cache(maxsize=4096)
def _pattern(text: str, user: str) -> re.Pattern[str]:
    parts = [re.escape(part.replace("{user}", user)) for part in text.split("*")]
    return re.compile(".*".join(parts))
