"""Image references: grammar, defaults, familiar forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import Invalid
from wherry.spec import reference

HEX = "0123456789abcdef" * 4

CASES = [
    ("debian", "docker.io/library/debian", "", "", "debian"),
    ("debian:bookworm", "docker.io/library/debian", "bookworm", "", "debian:bookworm"),
    ("user/app:1.0", "docker.io/user/app", "1.0", "", "user/app:1.0"),
    ("docker.io/debian", "docker.io/library/debian", "", "", "debian"),
    ("docker.io/library/a/b", "docker.io/library/a/b", "", "", "library/a/b"),
    ("index.docker.io/user/app", "docker.io/user/app", "", "", "user/app"),
    ("localhost/app", "localhost/app", "", "", "localhost/app"),
    ("localhost:5000/app:x", "localhost:5000/app", "x", "", "localhost:5000/app:x"),
    ("host:5000/a/b", "host:5000/a/b", "", "", "host:5000/a/b"),
    ("[::1]:5000/app", "[::1]:5000/app", "", "", "[::1]:5000/app"),
    ("Host/app", "Host/app", "", "", "Host/app"),
    (f"app@sha256:{HEX}", "docker.io/library/app", "", f"sha256:{HEX}", f"app@sha256:{HEX}"),
    (f"app:1@sha256:{HEX}", "docker.io/library/app", "1", f"sha256:{HEX}", f"app:1@sha256:{HEX}"),
]


@pytest.mark.parametrize(("text", "name", "tag", "digest", "familiar"), CASES)
def test_parts_and_familiar_form(
    text: str, name: str, tag: str, digest: str, familiar: str
) -> None:
    parsed = reference.parse(text)
    assert (parsed.name, parsed.tag, parsed.digest) == (name, tag, digest)
    assert parsed.familiar == familiar


@pytest.mark.parametrize(
    "text",
    ["", ":", "app:", "app:a b", "app@", "app@sha256:12", "a//b", "-a", "a..b", "a___b", "/a", "a/",
     "host.x:port/a", "app:" + "t" * 129, HEX, "x" * 256, "a b"],
)  # fmt: skip
def test_bad_references_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        reference.parse(text)


def test_capitals_are_named_as_the_cause() -> None:
    with pytest.raises(Invalid, match=r"repository name \(library/App\) must be lowercase"):
        reference.parse("App")


@given(st.text(max_size=80))
def test_no_text_crashes_the_parser_and_full_forms_are_stable(text: str) -> None:
    try:
        parsed = reference.parse(text)
    except Invalid:
        return
    assert reference.parse(str(parsed)) == parsed
    assert reference.parse(parsed.familiar) == parsed


def test_latest_is_the_default_tag_only_without_digest() -> None:
    assert reference.parse("app").tagged().tag == "latest"
    assert reference.parse(f"app@sha256:{HEX}").tagged().tag == ""
