"""`wherry daemon`: the only place where engine, API and sockets are wired together.

SIGTERM and SIGINT end the daemon and nothing else: containers run on under the keeper, and the
next daemon finds them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from wherry.api.access.guard import Guard
from wherry.api.app import Api
from wherry.api.backend import Backends
from wherry.daemon import listening, options, systemd
from wherry.daemon.ending import Ending
from wherry.daemon.lock import PidFile, RootLock
from wherry.daemon.options import Options
from wherry.daemon.scopedsockets import ScopedSockets
from wherry.daemon.tlssettings import TlsFiles
from wherry.engine.containers.runtime import KeeperGone
from wherry.engine.engine import Engine
from wherry.engine.system import VERSION, Settings
from wherry.errors import WherryError
from wherry.http.server import Server

GRACE = 2.0  # seconds that requests in progress get when the daemon ends

_PRODUCT = f"Wherry/{VERSION}"
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
_log = logging.getLogger("wherry.daemon")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a daemon until it is told to end; returns the exit status."""
    try:
        chosen = options.read(sys.argv[1:] if argv is None else argv)
        _configure_logging(chosen.log_level)
        if os.geteuid() != 0:
            raise WherryError("the daemon needs to run as root")
        with contextlib.ExitStack() as held:
            lock = RootLock(chosen.data_root)
            held.callback(lock.close)
            held.callback(PidFile(chosen.pid_path).remove)
            asyncio.run(_serve(chosen))
    except (WherryError, KeeperGone, OSError) as error:
        sys.stderr.write(f"wherry daemon: {error}\n")
        return 1
    return 0


def _configure_logging(level: str) -> None:
    logging.basicConfig(
        level=_LEVELS[level],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


async def _serve(chosen: Options) -> None:
    tls, guard = chosen.tls_settings(), chosen.guard()
    addresses = [listening.parse(text, tls) for text in chosen.addresses]
    inherited = systemd.inherited_sockets(os.environ)
    everywhere = [*addresses, *listening.inherited_addresses(inherited)]
    context = listening.secure(everywhere, tls)
    settings = Settings(
        data_root=chosen.data_root,
        debug=chosen.log_level == "debug",
        labels=chosen.labels,
        cgroup_parent=chosen.cgroup_parent,
        profile=chosen.defaults(),
        runtimes=chosen.runtime_settings(),
        cdi_directories=tuple(each for each in chosen.cdi_spec_dirs if each),
        user_namespaces=chosen.user_namespace_settings(),
        machine_wide=chosen.data_root == options.DEFAULT_DATA_ROOT,
        insecure_addresses=listening.open_urls(everywhere, tls),
        registries=chosen.registry_config(),
        networks=chosen.network_settings(),
    )
    ended = asyncio.Event()
    _listen_to_signals(ended, context)
    engine = await Engine.open(settings, chosen.exec_root)
    sockets = _sockets(engine, chosen)
    try:
        sockets.engine = backends = _backends(engine, sockets, ended)
        await sockets.restore()
        server = _server(backends, guard, chosen)
        await listening.listen(server, addresses, inherited, chosen.group, context)
        systemd.notify(os.environ, "READY=1")
        _log.info("wherry %s listens on %s", VERSION, ", ".join(chosen.addresses))
        await ended.wait()
        systemd.notify(os.environ, "STOPPING=1")
        await server.close(GRACE)
    finally:
        await sockets.close()
        await engine.close()


def _sockets(engine: Engine, chosen: Options) -> ScopedSockets:
    return ScopedSockets(
        engine.stores.database, f"{chosen.exec_root}/sockets", chosen.audit_path, _PRODUCT
    )


def _backends(engine: Engine, sockets: ScopedSockets, ended: asyncio.Event) -> Backends:
    return Backends(
        containers=engine.containers,
        execs=engine.execs,
        images=engine.images,
        registries=engine.registries,
        volumes=engine.volumes,
        networks=engine.networks,
        system=engine.system,
        events=engine.events,
        daemon=Ending(engine, ended.set),
        sockets=sockets,
    )


def _server(backends: Backends, guard: Guard, chosen: Options) -> Server:
    api = Api(backends, _PRODUCT, guard)
    if not chosen.audit:
        return Server(api)
    from wherry.api.access.audit import Audited, AuditLog

    return Server(Audited(api, "", AuditLog(chosen.audit_path)))


def _listen_to_signals(ended: asyncio.Event, tls: TlsFiles | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    # A client that closes its terminal must not end a daemon that its command had started.
    loop.add_signal_handler(signal.SIGHUP, tls.reload if tls else lambda: None)
