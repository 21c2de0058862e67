"""`--health-*`: into the API's HealthConfig."""

from __future__ import annotations

from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.flags import Options

_NUMBERS = {
    "health-interval": "Interval",
    "health-timeout": "Timeout",
    "health-start-period": "StartPeriod",
    "health-start-interval": "StartInterval",
    "health-retries": "Retries",
}


def healthcheck(options: Options) -> dict[str, Any] | None:
    """The check, times in nanoseconds; None when no flag is about it."""
    numbers = {key: options.number(flag) for flag, key in _NUMBERS.items()}
    command = options.text("health-cmd")
    wanted = bool(command) or any(numbers.values())
    if options.on("no-healthcheck"):
        if wanted:
            raise Failure("--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    if not wanted:
        return None
    for flag, key in _NUMBERS.items():
        if numbers[key] < 0:
            raise Failure(f"--{flag} cannot be negative")
    check: dict[str, Any] = {key: number for key, number in numbers.items() if number}
    return check | ({"Test": ["CMD-SHELL", command]} if command else {})
