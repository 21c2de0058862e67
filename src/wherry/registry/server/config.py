"""How a registry shall run: the command line and a TOML file, one row for each setting.

A setting that is given in both is an error, as with the daemon, so that nobody has to guess which
one counts. Sizes are numbers of bytes or texts such as "20GB" (decimal) and "20GiB"; durations are
seconds or texts such as "90s", "30m", "12h", "7d".
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wherry.errors import Invalid
from wherry.registry.server.access import ALL, ANONYMOUS, Action, Rights, Rule
from wherry.registry.server.quota import Limits

DEFAULT_LISTEN: Final = "127.0.0.1:5000"
_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY: Final = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_PERIODS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Tls:
    """Files with the server's certificate chain and key; `client_ca` makes clients show theirs."""

    certificate: str = ""
    key: str = ""
    client_ca: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Bearer tokens. `builtin` issues them to the users of the htpasswd file.

    Else they come from another issuer: `realm` is the address that clients get them from, `keys`
    are files with its public keys (PEM or JWKS), `issuer` what it calls itself.
    """

    builtin: bool = False
    realm: str = ""
    service: str = ""
    issuer: str = ""
    keys: tuple[str, ...] = ()
    lifetime: float = 300.0


@dataclass(frozen=True, slots=True)
class Collection:
    """When garbage is collected, in seconds; `interval` 0 means never by itself.

    What nothing refers to stays for `grace`; uploads that nobody goes on with for `uploads`.
    `untagged` collects manifests that have had no tag for so long (0: only those whose tag, or
    whose index, was deleted by somebody).
    """

    interval: float = 600.0
    grace: float = 3600.0
    uploads: float = 86400.0
    untagged: float = 0.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """The registry whose contents a cache keeps. `fresh` seconds a tag is not asked for again."""

    url: str = ""
    username: str = ""
    password_file: str = ""
    fresh: float = 60.0


@dataclass(frozen=True, slots=True)
class Config:
    """Everything about one registry. `url` is how clients reach it where that is not the Host."""

    root: str = ""
    data_root: str = ""
    listen: tuple[str, ...] = (DEFAULT_LISTEN,)
    url: str = ""
    read_only: bool = False
    access_log: str = "-"
    htpasswd: str = ""
    sparse: bool = False
    tls: Tls = field(default_factory=Tls)
    tokens: Tokens = field(default_factory=Tokens)
    rights: Rights | None = None
    quota: Limits = field(default_factory=Limits)
    collection: Collection = field(default_factory=Collection)
    upstream: Upstream = field(default_factory=Upstream)


def text(value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of strings; one alone counts as a list."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError("must be a list of strings")
    return tuple(found)


def truth(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def size(value: object) -> int:
    """Bytes."""
    match = re.fullmatch(r"(\d+)\s*([kmgt]?)(i?)b?", str(value).strip().lower())
    if match is None or isinstance(value, bool) or (match[3] and not match[2]):
        raise ValueError('must be a number of bytes, as 5000000, "20GB" or "20GiB"')
    return int(match[1]) * (_BINARY if match[3] else _UNITS)[match[2]]


def duration(value: object) -> float:
    """Seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value).strip().lower())
    if match is None or isinstance(value, bool):
        raise ValueError('must be a number of seconds or a text as "90s", "30m", "12h", "7d"')
    return float(match[1]) * _PERIODS[match[2] or "s"]


def rules(value: object) -> Rights:
    """The list of rules."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError("must be a list of tables: [[rights]]")
    return Rights(tuple(_rule(each) for each in value))


def _rule(entry: Mapping[str, Any]) -> Rule:
    unknown = entry.keys() - {"users", "repositories", "actions"}
    if unknown:
        raise ValueError(f"has no member {sorted(unknown)[0]!r}: users, repositories, actions")
    words = texts(entry.get("actions", ["*"]))
    known = {each.value: each for each in Action}
    wrong = [word for word in words if word not in known and word != "*"]
    if wrong:
        raise ValueError(f"knows the actions pull, push, delete and *, not {wrong[0]!r}")
    actions = ALL if "*" in words else frozenset(known[word] for word in words)
    users = texts(entry.get("users", [ANONYMOUS]))
    return Rule(users, texts(entry.get("repositories", ["*"])), actions)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its key in the file, the attribute it becomes, how it is read, its flag."""

    key: str
    attribute: str
    read: Callable[[object], Any]
    flag: str = ""
    help: str = ""


ROWS: Final = (
    Row("root", "root", text, "--root", "where everything is kept"),
    Row("data-root", "data_root", text, "--data-root", "serve this engine's images, read-only"),
    Row("listen", "listen", texts, "--listen", "listen on address:port (default 127.0.0.1:5000)"),
    Row("url", "url", text, "--url", "how clients reach the registry, as https://name:port"),
    Row("read-only", "read_only", truth, "--read-only", "take no push and no delete"),
    Row("access-log", "access_log", text, "--access-log", "file for a line a request; - is stdout"),
    Row("htpasswd", "htpasswd", text, "--htpasswd", "file of users and passwords (bcrypt)"),
    Row("sparse-indexes", "sparse", truth, "", "take indexes whose manifests are not all there"),
    Row("rights", "rights", rules),
    Row("tls.certificate", "tls.certificate", text, "--tls-cert", "file with the certificate"),
    Row("tls.key", "tls.key", text, "--tls-key", "file with its key"),
    Row("tls.client-ca", "tls.client_ca", text),
    Row("tokens.builtin", "tokens.builtin", truth, "--tokens", "issue bearer tokens to users"),
    Row("tokens.realm", "tokens.realm", text),
    Row("tokens.service", "tokens.service", text),
    Row("tokens.issuer", "tokens.issuer", text),
    Row("tokens.keys", "tokens.keys", texts),
    Row("tokens.lifetime", "tokens.lifetime", duration),
    Row("quota.repository", "quota.repository", size, "--quota", "bytes for each repository"),
    Row("quota.total", "quota.total", size, "--quota-total", "bytes for all repositories"),
    Row("collection.interval", "collection.interval", duration),
    Row("collection.grace", "collection.grace", duration),
    Row("collection.uploads", "collection.uploads", duration),
    Row("collection.untagged", "collection.untagged", duration),
    Row("upstream.url", "upstream.url", text, "--proxy", "keep a copy of what this one serves"),
    Row("upstream.username", "upstream.username", text),
    Row("upstream.password-file", "upstream.password_file", text),
    Row("upstream.fresh", "upstream.fresh", duration),
)


def read(argv: Sequence[str]) -> Config:
    """The configuration from a command line and the file that it names. Raises Invalid."""
    given = vars(_parser().parse_args(argv))
    path = given.pop("config")
    flags = {key: value for key, value in given.items() if value is not None}
    return check(combine(flags, _flatten(_load(path)) if path else {}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wherry registry serve", allow_abbrev=False)
    parser.add_argument("--config", metavar="FILE", help="TOML file of settings")
    for row in ROWS:
        if not row.flag:
            continue
        if row.read is truth:
            parser.add_argument(
                row.flag, dest=row.key, action="store_const", const=True, help=row.help
            )
        else:
            action = "append" if row.read is texts else "store"
            parser.add_argument(row.flag, dest=row.key, action=action, help=row.help)
    return parser


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"cannot read the registry's configuration {path}: {error}") from None


def _flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Tables become dotted keys: {tls: {key: x}} -> {tls.key: x}."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            found |= _flatten(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def combine(flags: Mapping[str, Any], settings: Mapping[str, Any]) -> Config:
    """Flags and file as one. Raises Invalid for unknown keys, wrong types, double settings."""
    rows = {row.key: row for row in ROWS}
    if unknown := sorted(settings.keys() - rows.keys()):
        raise Invalid(
            f"the registry has no setting {', '.join(unknown)}", hint="docs/registry.md lists them"
        )
    if double := sorted(settings.keys() & flags.keys()):
        raise Invalid(f"given both as a flag and in the configuration file: {', '.join(double)}")
    parts: dict[str, dict[str, Any]] = {}
    for key, value in {**settings, **flags}.items():
        part, _, name = rows[key].attribute.rpartition(".")
        parts.setdefault(part, {})[name] = _value(rows[key], value)
    kinds = {
        "tls": Tls, "tokens": Tokens, "quota": Limits,
        "collection": Collection, "upstream": Upstream,
    }  # fmt: skip
    whole = parts.pop("", {})
    return Config(**whole, **{name: kinds[name](**values) for name, values in parts.items()})


def _value(row: Row, value: object) -> Any:
    try:
        return row.read(value)
    except ValueError as error:
        raise Invalid(f"{row.key} {error}, not {value!r}") from None


def check(config: Config) -> Config:
    """What must fit together. Raises Invalid."""
    if bool(config.root) == bool(config.data_root):
        raise Invalid(
            "a registry needs --root (a directory of its own) or --data-root (an engine's)"
        )
    if bool(config.tls.certificate) != bool(config.tls.key):
        raise Invalid("TLS needs both --tls-cert and --tls-key")
    if config.tls.client_ca and not config.tls.certificate:
        raise Invalid("tls.client-ca needs tls.certificate and tls.key")
    if config.tokens.builtin and not config.htpasswd:
        raise Invalid("the built-in token endpoint needs users: --htpasswd")
    if config.tokens.builtin and config.tokens.keys:
        raise Invalid("tokens are either the registry's own (builtin) or another issuer's (keys)")
    if config.tokens.keys and not (config.tokens.realm and config.tokens.issuer):
        raise Invalid("tokens.keys needs tokens.realm and tokens.issuer")
    if config.data_root and config.upstream.url:
        raise Invalid("an engine's images cannot be a cache: --proxy needs --root")
    if config.upstream.url and (config.quota.repository or config.quota.total):
        raise Invalid("a pull-through cache has no quota: it could not serve what is too much")
    return config
