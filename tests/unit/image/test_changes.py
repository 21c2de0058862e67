"""`--change` instructions."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.errors import Invalid
from wherry.image import changes

CASES: list[tuple[list[str], dict[str, Any]]] = [
    (["CMD echo hi"], {"Cmd": ["/bin/sh", "-c", "echo hi"]}),
    (['CMD ["a", "b"]'], {"Cmd": ["a", "b"]}),
    (['ENTRYPOINT ["a"]'], {"Entrypoint": ["a"]}),
    (['ENV A=1 B="two words"', "ENV A=2"], {"Env": ["B=two words", "A=2"]}),
    (["ENV A the whole rest"], {"Env": ["A=the whole rest"]}),
    (["EXPOSE 80 53/UDP 90-91"],
     {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {}}}),
    (["LABEL a=b", "label c=d"], {"Labels": {"a": "b", "c": "d"}}),
    (["USER app:wheel"], {"User": "app:wheel"}),
    (['VOLUME ["/a", "/b"]', "VOLUME /c"], {"Volumes": {"/a": {}, "/b": {}, "/c": {}}}),
    (["WORKDIR /a", "WORKDIR b"], {"WorkingDir": "/a/b"}),
    (["STOPSIGNAL SIGUSR1"], {"StopSignal": "SIGUSR1"}),
    (["ONBUILD RUN true"], {"OnBuild": ["RUN true"]}),
    (["HEALTHCHECK NONE"], {"Healthcheck": {"Test": ["NONE"]}}),
    (["HEALTHCHECK --interval=1m30s --retries=3 CMD test -e /ok"],
     {"Healthcheck": {"Interval": 90 * 10**9, "Retries": 3,
                      "Test": ["CMD-SHELL", "test -e /ok"]}}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "config"), CASES)
def test_what_they_do(lines: list[str], config: dict[str, Any]) -> None:
    assert changes.apply(lines, {}) == config


@pytest.mark.parametrize(
    "line",
    ["RUN true", "", "CMD", "EXPOSE x", "EXPOSE 0", "EXPOSE 9-8", "LABEL a", "ENV A", "ENV =b",
     "HEALTHCHECK maybe", "HEALTHCHECK --interval=soon CMD x", "ONBUILD FROM x", 'ENV A="'],
)  # fmt: skip
def test_what_is_refused(line: str) -> None:
    with pytest.raises(Invalid):
        changes.apply([line], {})


def test_the_given_config_is_left_alone() -> None:
    config = {"Env": ["A=1"], "Labels": {"a": "b"}}
    changes.apply(["ENV A=2", "LABEL a=c"], config)
    assert config == {"Env": ["A=1"], "Labels": {"a": "b"}}
