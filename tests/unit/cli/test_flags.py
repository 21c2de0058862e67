"""The grammar of flags, in Go's ways, and its messages."""

from __future__ import annotations

import pytest

from wherry.cli.failures import UsageFailure
from wherry.cli.flags import Flag, HelpWanted, parse

FLAGS = (
    Flag("all", "a"),
    Flag("tty", "t"),
    Flag("interactive", "i"),
    Flag("proxy", "", default=True),
    Flag("env", "e", "list"),
    Flag("net", "", "list", stands_for="env"),
    Flag("count", "n", "int", default=-1),
    Flag("name", "", "string"),
    Flag("map", "", "map"),
)


def test_defaults() -> None:
    options, arguments = parse(FLAGS, [])
    assert not options.on("all")
    assert options.on("proxy")
    assert options.number("count") == -1
    assert options.list("env") == []
    assert options.text("name") == ""
    assert arguments == []
    assert not options.is_given("name")


@pytest.mark.parametrize(
    "words",
    [
        ["--count", "5"],
        ["--count=5"],
        ["-n", "5"],
        ["-n5"],
        ["-n=5"],
        ["-atn5"],
        ["--count=0x5"],
        ["--count=05"],
    ],
)
def test_every_spelling_of_a_value(words: list[str]) -> None:
    options, _ = parse(FLAGS, words)
    assert options.number("count") == 5


def test_clusters_and_repetition() -> None:
    options, arguments = parse(FLAGS, ["-it", "-e", "A=b", "--env=C=d", "--net", "x", "y", "-a"])
    assert options.on("interactive")
    assert options.on("tty")
    assert options.on("all")
    assert options.list("env") == ["A=b", "C=d", "x"]
    assert arguments == ["y"]


def test_booleans_take_values_only_with_equals() -> None:
    options, arguments = parse(FLAGS, ["--proxy=false", "--all", "false", "-t=F"])
    assert not options.on("proxy")
    assert options.on("all")
    assert not options.on("tty")
    assert arguments == ["false"]


def test_flags_end_at_the_first_argument_where_they_must() -> None:
    options, arguments = parse(FLAGS, ["-a", "image", "-t", "--name"], interspersed=False)
    assert options.on("all")
    assert not options.on("tty")
    assert arguments == ["image", "-t", "--name"]


def test_two_dashes_end_flags() -> None:
    _, arguments = parse(FLAGS, ["-a", "--", "-t", "--", "x"])
    assert arguments == ["-t", "--", "x"]


def test_a_single_dash_is_an_argument() -> None:
    assert parse(FLAGS, ["-"])[1] == ["-"]


def test_an_empty_value_is_given() -> None:
    options, _ = parse(FLAGS, ["--name="])
    assert options.is_given("name")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--foo"], "unknown flag: --foo"),
        (["-z"], "unknown shorthand flag: 'z' in -z"),
        (["-azt"], "unknown shorthand flag: 'z' in -zt"),
        (["--name"], "flag needs an argument: --name"),
        (["-n"], "flag needs an argument: 'n' in -n"),
        (["--=x"], "bad flag syntax: --=x"),
        (
            ["-n", "x"],
            (
                'invalid argument "x" for "-n, --count" flag: '
                'strconv.ParseInt: parsing "x": invalid syntax'
            ),
        ),
        (
            ["--all=maybe"],
            (
                'invalid argument "maybe" for "-a, --all" flag: '
                'strconv.ParseBool: parsing "maybe": invalid syntax'
            ),
        ),
        (
            ["--map", "x"],
            'invalid argument "x" for "--map" flag: x must be formatted as key=value',
        ),
    ],
)
def test_mistakes(words: list[str], message: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        parse(FLAGS, words)
    assert caught.value.message == message
    assert caught.value.status == 125


@pytest.mark.parametrize("word", ["--help", "-h", "-ah"])
def test_help_is_always_there(word: str) -> None:
    with pytest.raises(HelpWanted):
        parse(FLAGS, [word])
