"""`Context`: what a command is given beside its own options."""

from __future__ import annotations

import os

from wherry.cli import tlsfiles
from wherry.cli.api import Api
from wherry.cli.host import choose
from wherry.cli.output import STDERR, STDOUT, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.cli.flags import Options


class Context:
    """The command's name as typed, the global options, the environment and the way to the daemon.

    `name` is the full name, such as "container ls"; `api` is made when first asked for.
    """

    __slots__ = ("_api", "environ", "name", "options")

    def __init__(
        self, name: str, options: Options, environ: Mapping[str, str] | None = None
    ) -> None:
        self._api: Api | None = None
        self.name = name
        self.options = options
        self.environ = os.environ if environ is None else environ

    @property
    def api(self) -> Api:
        """The daemon's API at the chosen host."""
        if self._api is None:
            tls = tlsfiles.choose(self.options, self.environ)
            host = choose(self.options.list("host"), self.environ, tls)
            if self.environ.get("WHERRY_NO_DAEMON") == "1":
                host.own = False
            version = self.environ.get("DOCKER_API_VERSION")
            self._api = Api(host, version) if version else Api(host)
        return self._api

    def say(self, text: str) -> None:
        """One line (or several) on stdout."""
        write_text(STDOUT, f"{text}\n")

    def warn(self, text: str) -> None:
        """One line on stderr."""
        write_text(STDERR, f"{text}\n")
