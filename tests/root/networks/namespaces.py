"""Network namespaces of a test's own: made, wired with ip(8), left without a trace."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable
from typing import TypeVar

from wherry.kernel.namespace import CLONE_NEWNET, setns, unshare
from wherry.kernel.network import bring_up

T = TypeVar("T")


class Namespace:
    """A network namespace with loopback up, held by a descriptor."""

    def __init__(self) -> None:
        def make() -> int:
            unshare(CLONE_NEWNET)
            bring_up("lo")
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

        self.fd = _in_thread(make)

    @property
    def path(self) -> str:
        """A name for nsenter(1) and ip(8)."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def call(self, work: Callable[[], T]) -> T:
        """What `work` gives, done inside."""

        def inside() -> T:
            setns(self.fd, CLONE_NEWNET)
            return work()

        return _in_thread(inside)

    def command(self, *words: str) -> list[str]:
        """A command line that runs inside."""
        return ["nsenter", f"--net={self.path}", "--", *words]

    def run(self, *words: str) -> str:
        """Standard output of a command that must succeed inside."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    async def output(self, *words: str) -> str:
        """Standard output of a command inside, whatever its status, while the loop goes on."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        text, _ = await process.communicate()
        return text.decode()

    def wire(self, other: Namespace, own: str, others: str, name: str = "eth0") -> None:
        """A veth pair between two namespaces, with addresses in CIDR form."""
        self.run(
            "ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", other.path
        )
        for place, address in ((self, own), (other, others)):
            place.run("ip", "address", "add", address, "dev", name, "nodad")
            place.run("ip", "link", "set", name, "up")

    def close(self) -> None:
        """Let go; the kernel removes it with the last process and socket inside."""
        os.close(self.fd)


def _in_thread(work: Callable[[], T]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
