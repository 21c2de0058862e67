"""X-Registry-Auth: what clients really send."""

from __future__ import annotations

import base64
import json
from typing import cast

import pytest

from wherry.api.registry_auth import of_request
from wherry.http.body import Body
from wherry.http.message import Request
from wherry.registry.credentials import Credentials

ALICE = {"username": "alice", "password": "s>>?cret~~", "serveraddress": "localhost:5000"}


def _request(header: str | None) -> Request:
    headers = {} if header is None else {"x-registry-auth": header}
    return Request("POST", "/images/create", "", "1.1", headers, cast(Body, None))


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("encode", [base64.urlsafe_b64encode, base64.b64encode])
@pytest.mark.parametrize("padding", ["=", ""])
def test_every_base64(encode: object, padding: str) -> None:
    text = encode(_encoded(ALICE)).decode()  # type: ignore[operator]
    found = of_request(_request(text if padding else text.rstrip("=")))
    assert found == Credentials("alice", "s>>?cret~~")


def test_tokens() -> None:
    header = base64.urlsafe_b64encode(_encoded({"identitytoken": "a", "registrytoken": "b"}))
    assert of_request(_request(header.decode())) == Credentials(
        identity_token="a", registry_token="b"
    )


@pytest.mark.parametrize(
    "text", [None, "", "e30=", "bnVsbA==", "!!!", "W10=", "eyJ1c2VybmFtZSI6MX0=", "ey"]
)
def test_nothing_that_can_be_used_is_anonymous(text: str | None) -> None:
    assert not of_request(_request(text))


def test_no_secret_is_shown() -> None:
    header = base64.urlsafe_b64encode(_encoded({**ALICE, "identitytoken": "tokentoken"}))
    shown = repr(of_request(_request(header.decode())))
    assert "cret" not in shown and "tokentoken" not in shown
