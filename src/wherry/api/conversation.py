"""What goes on over a hijacked connection:

the client's bytes to stdin, the output to the client.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from wherry.api.detachkeys import DetachScanner
from wherry.api.stream import framed
from wherry.engine.values.streams import Attachment
from wherry.http.duplex import Duplex


class _Detached(Exception):
    """The client typed its detach keys."""


async def converse(
    duplex: Duplex, attachment: Attachment, *, stdin: bool, detach_keys: bytes
) -> None:
    """Carry bytes both ways until the output ends, the client detaches or is gone.

    The end of the client's input ends stdin only. `attachment` is closed in every case.
    """
    scanner = DetachScanner(detach_keys) if attachment.tty else None
    try:
        async with asyncio.TaskGroup() as tasks:
            showing = tasks.create_task(_show(duplex, attachment))
            feeding = tasks.create_task(_feed(duplex, attachment if stdin else None, scanner))
            showing.add_done_callback(lambda _: feeding.cancel())
    except* _Detached:
        await attachment.detach()
    except* ConnectionError:
        pass  # the client is gone; nobody is left to tell
    finally:
        await attachment.close()


async def _show(duplex: Duplex, attachment: Attachment) -> None:
    async for data in framed(attachment.output, tty=attachment.tty):
        await duplex.write(data)


async def _feed(
    duplex: Duplex, attachment: Attachment | None, scanner: DetachScanner | None
) -> None:
    """Pass input on. What nobody reads is dropped, so that the client does not block on it."""
    while data := await duplex.read():
        detached = False
        if scanner is not None:
            data, detached = scanner.feed(data)
        if data and attachment is not None:
            try:
                await attachment.write(data)
            except OSError:
                attachment = None
        if detached:
            raise _Detached
    if attachment is not None:
        with suppress(OSError):
            await attachment.end_input()
