"""A TCP proxy that can be cut: the network's part in tests of clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio


class Proxy:
    """Forwards to `target_port`; `cut` drops all connections, `open = False` refuses new ones.

    While `deaf` is set, what clients send gets lost.
    """

    def __init__(self, target_port: int, nursery: trio.Nursery) -> None:
        self.target_port = target_port
        self.port = 0
        self.open = True
        self.deaf = False
        self.accepted = 0
        self._nursery = nursery
        self._streams: set[trio.SocketStream] = set()

    async def cut(self) -> None:
        """Drop every connection now, as a dead network does: without a word."""
        for stream in list(self._streams):
            await trio.aclose_forcefully(stream)

    async def handle(self, client: trio.SocketStream) -> None:
        self.accepted += 1
        if not self.open:
            return
        server = await trio.open_tcp_stream("127.0.0.1", self.target_port)
        self._streams |= {client, server}
        try:
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, client, server, nursery, True)
                nursery.start_soon(self._pump, server, client, nursery, False)
        finally:
            self._streams -= {client, server}

    async def _pump(
        self, source: trio.SocketStream, sink: trio.SocketStream, nursery: trio.Nursery, from_client: bool
    ) -> None:
        try:
            async for data in source:
                if not (self.deaf and from_client):
                    await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def serve(target_port: int) -> AsyncIterator[Proxy]:
    """A proxy to a loopback port for as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy(target_port, nursery)
        listeners = await nursery.start(partial(trio.serve_tcp, proxy.handle, 0, host="127.0.0.1"))
        proxy.port = listeners[0].socket.getsockname()[1]
        yield proxy
        nursery.cancel_scope.cancel()
