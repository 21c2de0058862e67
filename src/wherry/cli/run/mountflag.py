"""`--mount type=bind,source=/a,target=/b,readonly`: into the API's Mount."""

from __future__ import annotations

import os

from wherry.cli.flagvalues import boolean, size
from wherry.cli.run.fields import split_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Setter = Callable[[dict[str, Any], str], None]

# Keys that may stand without a value.
_BARE = frozenset(
    ("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-idmap", "volume-idmap")
)
_BARE_VALUES = {"bind-idmap": "match-user", "volume-idmap": "match-user"}
# Groups of the API's object, and the types of mount that may have each.
_GROUPS = {
    "BindOptions": ("bind-*", "bind"),
    "VolumeOptions": ("volume-*", "volume"),
    "ImageOptions": ("image-*", "image"),
    "TmpfsOptions": ("tmpfs-*", "tmpfs"),
}


def check_mount(text: str) -> str:
    """The flag's check."""
    parse_mount(text)
    return text


def parse_mount(text: str) -> dict[str, Any]:
    """The API's Mount. ValueError, in docker's words, says what is wrong."""
    mount: dict[str, Any] = {"Type": "volume"}
    for field in split_fields(text):
        key, equals, value = field.partition("=")
        key = key.lower()
        if not equals and key not in _BARE:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        if key not in _KEYS:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
        _apply(mount, key, value if equals else _BARE_VALUES.get(key, "true"))
    _check(mount)
    return mount


def _apply(mount: dict[str, Any], key: str, value: str) -> None:
    try:
        _KEYS[key](mount, value)
    except ValueError as error:
        words = str(error)
        raise ValueError(
            words if not words.startswith("strconv") else f"invalid value for {key}: {value}"
        ) from None


def _check(mount: dict[str, Any]) -> None:
    kind = mount["Type"]
    if not kind:
        raise ValueError("type is required")
    if not mount.get("Target"):
        raise ValueError("target is required")
    for group, (options, owner) in _GROUPS.items():
        if group in mount and kind != owner:
            raise ValueError(f"cannot mix '{options}' options with mount type '{kind}'")
    bind = mount.get("BindOptions", {})
    if bind.get("ReadOnlyForceRecursive") and not mount.get("ReadOnly"):
        raise ValueError("option 'bind-recursive=readonly' requires 'readonly' to be specified")


def _kind(mount: dict[str, Any], value: str) -> None:
    mount["Type"] = value.lower()


def _source(mount: dict[str, Any], value: str) -> None:
    # A relative path is one only when it begins with a dot; anything else names a volume.
    mount["Source"] = os.path.abspath(value) if value.startswith(".") else value


def _put(key: str) -> Setter:
    def put(mount: dict[str, Any], value: str) -> None:
        mount[key] = value

    return put


def _flag(key: str) -> Setter:
    def put(mount: dict[str, Any], value: str) -> None:
        mount[key] = boolean(value)

    return put


def _within(group: str, setter: Setter) -> Setter:
    def put(mount: dict[str, Any], value: str) -> None:
        setter(mount.setdefault(group, {}), value)

    return put


def _recursive(options: dict[str, Any], value: str) -> None:
    rows: dict[str, tuple[str, ...]] = {
        "enabled": (),
        "disabled": ("NonRecursive",),
        "writable": ("ReadOnlyNonRecursive",),
        "readonly": ("ReadOnlyForceRecursive",),
    }
    if value not in rows:
        raise ValueError(
            f'invalid value for bind-recursive: {value} (must be "enabled", "disabled",'
            ' "writable", or "readonly")'
        )
    options.update(dict.fromkeys(rows[value], True))


def _idmap(options: dict[str, Any], value: str) -> None:
    """Docker's pending spelling: "match-user[:USER]"; ours beside it are checked by the daemon."""
    source, colon, user = value.partition(":")
    options["IDMapping"] = {"Source": source, **({"User": user} if colon else {})}


def _pair(key: str) -> Setter:
    def put(options: dict[str, Any], value: str) -> None:
        name, _, text = value.partition("=")
        options.setdefault(key, {})[name] = text

    return put


def _driver(options: dict[str, Any], value: str) -> None:
    options.setdefault("DriverConfig", {})["Name"] = value


def _driver_option(options: dict[str, Any], value: str) -> None:
    _pair("Options")(options.setdefault("DriverConfig", {}), value)


def _tmpfs_size(options: dict[str, Any], value: str) -> None:
    try:
        options["SizeBytes"] = size(value)
    except ValueError:
        raise ValueError(f"invalid value for tmpfs-size: {value}") from None


def _tmpfs_mode(options: dict[str, Any], value: str) -> None:
    try:
        options["Mode"] = int(value, 8)
    except ValueError:
        raise ValueError(f"invalid value for tmpfs-mode: {value}") from None


_KEYS: dict[str, Setter] = {
    "type": _kind,
    "source": _source,
    "src": _source,
    "target": _put("Target"),
    "dst": _put("Target"),
    "destination": _put("Target"),
    "readonly": _flag("ReadOnly"),
    "ro": _flag("ReadOnly"),
    "consistency": _put("Consistency"),
    "bind-propagation": _within("BindOptions", _put("Propagation")),
    "bind-nonrecursive": _within("BindOptions", _flag("NonRecursive")),
    "bind-recursive": _within("BindOptions", _recursive),
    "bind-idmap": _within("BindOptions", _idmap),
    "volume-idmap": _within("VolumeOptions", _idmap),
    "volume-subpath": _within("VolumeOptions", _put("Subpath")),
    "image-subpath": _within("ImageOptions", _put("Subpath")),
    "volume-nocopy": _within("VolumeOptions", _flag("NoCopy")),
    "volume-label": _within("VolumeOptions", _pair("Labels")),
    "volume-driver": _within("VolumeOptions", _driver),
    "volume-opt": _within("VolumeOptions", _driver_option),
    "tmpfs-size": _within("TmpfsOptions", _tmpfs_size),
    "tmpfs-mode": _within("TmpfsOptions", _tmpfs_mode),
}
