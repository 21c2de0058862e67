"""Which proxy leads where, by the rules of Go's httpproxy."""

from __future__ import annotations

import pytest

from wherry.errors import Unsupported
from wherry.registry import proxies
from wherry.registry.config import Proxies

SET = Proxies("http://plain:3128", "http://user:p%40ss@secure:8080", "")


def _direct(rules: str, host: str, port: int = 443) -> bool:
    return proxies.choose(Proxies("http://p", "http://p", rules), "https", host, port) is None


def test_the_scheme_chooses() -> None:
    plain = proxies.choose(SET, "http", "registry.example", 80)
    secure = proxies.choose(SET, "https", "registry.example", 443)
    assert plain == proxies.Proxy("plain", 3128)
    assert secure is not None and (secure.host, secure.port) == ("secure", 8080)
    assert secure.authorization == "Basic dXNlcjpwQHNz"
    assert "dXNlcjpwQHNz" not in repr(secure)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_never_proxied(host: str) -> None:
    assert _direct("", host)


@pytest.mark.parametrize(
    ("rules", "host", "direct"),
    [
        ("*", "a.example", True),
        ("a.example", "a.example", True),
        ("a.example", "b.a.example", True),
        ("a.example", "ba.example", False),
        (".a.example", "a.example", False),
        (".a.example", "b.a.example", True),
        ("*.a.example", "b.a.example", True),
        ("other, A.Example", "a.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("a.example:5000", "a.example", False),
        ("a.example:443", "a.example", True),
        ("[2001:db8::1]:443", "2001:db8::1", True),
        ("nonsense/99", "10.1.2.3", False),
    ],
)
def test_exceptions(rules: str, host: str, direct: bool) -> None:
    assert _direct(rules, host) is direct


def test_other_schemes_are_refused() -> None:
    with pytest.raises(Unsupported, match="socks5"):
        proxies.choose(Proxies("", "socks5://p", ""), "https", "registry.example", 443)


def test_from_environment() -> None:
    found = Proxies.of({"http_proxy": "a", "HTTPS_PROXY": "b", "no_proxy": "c"})
    assert found == Proxies("a", "b", "c")
