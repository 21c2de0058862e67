"""`--gpus`: `all`, a number, or `device=0,driver=D,"capabilities=a,b",options=k=v` as CSV."""

from __future__ import annotations

from wherry.cli.run.fields import split_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEYS = ("driver", "count", "device", "capabilities", "options")


def check(text: str) -> str:
    """The text again. Raises ValueError in docker's words."""
    request(text)
    return text


def request(text: str) -> dict[str, Any]:
    """The API's DeviceRequest. Raises ValueError in docker's words."""
    given: dict[str, str] = {}
    for field in split_fields(text):
        key, equals, value = field.partition("=")
        if not equals:
            key, value = "count", field
        if key in given:
            raise ValueError(f"gpu request key '{key}' can be specified only once")
        if key not in _KEYS:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
        given[key] = value
    devices = _list(given.get("device", ""))
    capabilities = [*_list(given.get("capabilities", "")), "gpu"]
    return {
        "Driver": given.get("driver", ""),
        "Count": _count(given["count"]) if "count" in given else 0 if devices else 1,
        "DeviceIDs": devices or None,
        "Capabilities": [capabilities],
        "Options": dict(pair.partition("=")[::2] for pair in _list(given.get("options", ""))),
    }


def _count(text: str) -> int:
    if text == "all":
        return -1
    try:
        return int(text)
    except ValueError:
        kinds = 'value must be either "all" or an integer'
        raise ValueError(f"invalid count ({text}): {kinds}: invalid syntax") from None


def _list(text: str) -> list[str]:
    return text.split(",") if text else []
