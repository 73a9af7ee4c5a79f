"""The application behind the guard's tests: honest handlers, and those that fall into each trap."""

from __future__ import annotations

import trio
from quart import Response, request, websocket
from quart.wrappers.response import IterableBody
from quart_trio import QuartTrio


def make_app() -> QuartTrio:
    app = QuartTrio(__name__)
    ended: list[str] = []

    @app.get("/")
    async def index() -> str:
        return "hi"

    @app.post("/up")
    async def upload() -> str:
        return str(len(await request.get_data()))

    @app.post("/unread")
    async def unread() -> str:
        return "answered without reading"

    @app.get("/boom")
    async def boom() -> str:
        raise RuntimeError("a handler's bug")

    @app.get("/ended")
    async def ends() -> list[str]:
        return ended

    @app.get("/ticks")
    async def ticks() -> Response:
        """Events until the client leaves; `n` bounds them, `timeout=none` is the cure for long ones."""
        count = request.args.get("n", 10**9, int)
        pause = request.args.get("pause", 0.05, float)

        async def body():
            try:
                for number in range(count):
                    await trio.sleep(pause)
                    yield f"data: {number}\n\n"
            finally:
                ended.append("ticks")

        response = Response(IterableBody(body()), content_type="text/event-stream")
        if request.args.get("timeout") == "none":
            response.timeout = None
        return response

    @app.websocket("/ws")
    async def echo() -> None:
        while True:
            await websocket.send(await websocket.receive())

    @app.websocket("/types")
    async def types() -> None:
        while True:
            await websocket.send(repr(await websocket.receive()))

    @app.websocket("/pour")
    async def pour() -> None:
        """Send without end and without any other await: the loop that froze a bare server."""
        await websocket.accept()
        size = websocket.args.get("size", 50, int)
        count = websocket.args.get("n", 10**9, int)
        text = "x" * size
        try:
            for _ in range(count):
                await websocket.send(text)
        finally:
            ended.append("pour")

    @app.websocket("/deaf")
    async def deaf() -> None:
        """Never read: what the client sends has to wait in the kernel."""
        await websocket.accept()
        try:
            await trio.sleep_forever()
        finally:
            ended.append("deaf")

    @app.websocket("/late")
    async def late() -> None:
        """Take a while to accept, as a slow check of a token does."""
        await trio.sleep(0.2)
        await websocket.accept()
        while True:
            await websocket.send(await websocket.receive())

    @app.websocket("/refuse")
    async def refuse():
        return "no", 401

    @app.websocket("/boom")
    async def websocket_boom() -> None:
        await websocket.accept()
        raise RuntimeError("a handler's bug")

    real = app.asgi_app

    async def asgi_app(scope, receive, send):
        """An error that Quart itself does not catch."""
        if scope.get("path") == "/raw-boom":
            raise LookupError("below the framework")
        await real(scope, receive, send)

    app.asgi_app = asgi_app
    return app
