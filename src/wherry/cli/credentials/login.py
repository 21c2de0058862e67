"""`Login`: what is known of a user at one registry, and the names that registries go by."""

from __future__ import annotations

from wherry.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Docker Hub's credentials are kept under the address of its long gone index.
HUB_KEY = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset(("", "docker.io", "index.docker.io", "registry-1.docker.io"))


class Login:
    """A user's name with a password, or a token in its place, at a registry.

    `identity_token` is an OAuth2 refresh token. Nothing of this shows in `repr`.
    """

    __slots__ = ("identity_token", "password", "registry_token", "server", "username")

    def __init__(
        self,
        server: str,
        username: str = "",
        password: str = "",
        *,
        identity_token: str = "",
        registry_token: str = "",
    ) -> None:
        self.server = server
        self.username = username
        self.password = password
        self.identity_token = identity_token
        self.registry_token = registry_token

    def __bool__(self) -> bool:
        """Whether there is anything to log in with."""
        return bool(self.username or self.identity_token or self.registry_token)

    def members(self) -> dict[str, str]:
        """The API's AuthConfig, empty members left out."""
        everything = {
            "username": self.username,
            "password": self.password,
            "serveraddress": self.server,
            "identitytoken": self.identity_token,
            "registrytoken": self.registry_token,
        }
        return {name: value for name, value in everything.items() if value}

    def headers(self) -> Mapping[str, str]:
        """The request header that tells the daemon; none when there is nothing to tell."""
        if not self:
            return {}
        from binascii import b2a_base64

        text = b2a_base64(encode(self.members()).encode(), newline=False).decode()
        return {"X-Registry-Auth": text.replace("+", "-").replace("/", "_")}


def key_of(registry: str) -> str:
    """The name under which a registry's credentials are kept."""
    return HUB_KEY if registry in _HUB_NAMES else registry


def registry_of(image: str) -> str:
    """The registry that an image name (or a search term) begins with, else docker.io."""
    first, slash, _ = image.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    return first if slash and is_host else "docker.io"


def host_of(address: str) -> str:
    """`registry:5000` of `https://registry:5000/v1/`: the form that is kept today."""
    return (
        address.partition("://")[2].partition("/")[0]
        if "://" in address
        else (address.partition("/")[0])
    )
