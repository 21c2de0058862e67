"""Platforms: `os/architecture[/variant]` in Go's words, as image configs and clients write them.

Source: OCI image spec (config.md, image-index.md) and the GOARCH/GOARM names.
"""

from __future__ import annotations

from dataclasses import dataclass

from wherry.errors import Invalid

_MACHINES = {
    "x86_64": ("amd64", ""),
    "amd64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", "v8"),
    "arm64": ("arm64", "v8"),
    "armv6l": ("arm", "v6"),
    "armel": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armhf": ("arm", "v7"),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
    "ppc64le": ("ppc64le", ""),
    "ppc64el": ("ppc64le", ""),
    "mips64": ("mips64le", ""),
    "loongarch64": ("loong64", ""),
}
"""`uname -m` and Debian's names -> GOARCH and variant."""

_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}
_ARM = (("arm", "v8"), ("arm", "v7"), ("arm", "v6"), ("arm", "v5"))
_ORDER: dict[str, tuple[tuple[str, str], ...]] = {
    "amd64": (
        ("amd64", "v4"),
        ("amd64", "v3"),
        ("amd64", "v2"),
        ("amd64", ""),
        ("386", ""),
    ),
    "arm64": (("arm64", "v9"), ("arm64", "v8"), *_ARM),
    "arm": _ARM,
}
"""What a processor executes, from its own platform downwards."""
_RUNS_ON = {"amd64": ("386",), "arm64": ("arm",)}


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image was built for; empty variant means the architecture's usual one.

    `os_version` and `os_features` matter to Windows only (10.0.17763.1234, win32k).
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (self.os, self.architecture, self.variant)
        return "/".join(part for part in parts if part)

    def preference(self, other: Platform) -> int | None:
        """How good an image of the other platform is where this one is wanted: 0 is best.

        None when it does not run at all. As containerd's platforms.Only: after the platform
        itself come the older variants, then the 32-bit architecture that the processor still
        executes.
        """
        wanted = self._vector()
        found = (other.architecture, other._usual_variant())
        if self.os != other.os or found not in wanted:
            return None
        if self.os_version and not f"{other.os_version}.".startswith(f"{self.os_version}."):
            return None
        return wanted.index(found)

    def _vector(self) -> list[tuple[str, str]]:
        own = (self.architecture, self._usual_variant())
        order = _ORDER.get(self.architecture, ())
        return [own, *order[order.index(own) + 1 :]] if own in order else [own]

    def accepts(self, other: Platform) -> bool:
        """Whether an image of the other platform is what this one asks for."""
        return (self.os, self.architecture, self._usual_variant()) == (
            other.os,
            other.architecture,
            other._usual_variant(),
        )

    def can_run(self, other: Platform) -> bool:
        """Whether the kernel of this platform executes the other's programs without emulation."""
        older = other.architecture in _RUNS_ON.get(self.architecture, ())
        return self.os == other.os and (self.architecture == other.architecture or older)

    def _usual_variant(self) -> str:
        if (self.architecture, self.variant) == ("amd64", "v1"):
            return ""
        return self.variant or _DEFAULT_VARIANTS.get(self.architecture, "")


def parse(text: str) -> Platform:
    """`linux/arm64/v8`, `linux/amd64`, `arm64` -> Platform; raises Invalid.

    Machine names (x86_64, aarch64) are taken for Go's, as clients do.
    """
    parts = text.strip().lower().split("/")
    if not all(parts) or len(parts) > 3:
        raise Invalid(f"{text!r} is an invalid platform: expected os[/arch[/variant]]")
    if len(parts) == 1:
        parts = ["linux", parts[0]]
    architecture, variant = _MACHINES.get(parts[1], (parts[1], ""))
    return Platform(parts[0], architecture, parts[2] if len(parts) == 3 else variant)


def of_machine(machine: str) -> Platform:
    """The platform of a kernel that calls itself `machine` (os.uname().machine)."""
    architecture, variant = _MACHINES.get(machine, (machine, ""))
    return Platform("linux", architecture, variant)
