"""One HTTP request and its answer as the application runs them: whatever becomes of it, nothing stays open.

A client may leave at any moment: while its stream is opened, before the head of the answer is sent, within
the body. Quart closes a body only once it has begun to read from it, so we do, at the end of everything.
"""

from __future__ import annotations

from typing import Protocol, cast, runtime_checkable

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart import Request
from quart_trio.asgi import TrioASGIHTTPConnection

_BODY = "appliance.body"


@runtime_checkable
class Closable(Protocol):
    """A body that holds something while it is sent."""

    def close(self) -> None:
        """Give it back; closing twice is fine."""
        ...


class Lasting(Closable, Protocol):
    """A body that goes on until somebody ends it."""

    def stop(self) -> None:
        """Tell what there is, then end."""
        ...


class Exchange(TrioASGIHTTPConnection):
    """Closes the stream that the request has opened, also when that was cancelled before it began."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer the request."""
        try:
            await super().__call__(receive, send)
        finally:
            body = cast("dict[str, object]", self.scope).get(_BODY)
            if isinstance(body, Closable):
                body.close()


def close_at_end(request: Request, body: Closable) -> None:
    """Let this body be closed with the request that it answers."""
    cast("dict[str, object]", request.scope)[_BODY] = body
