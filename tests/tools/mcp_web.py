"""A real streamable-HTTP MCP server made with the SDK; run as a program by tests.

Prints its port. With `stdio` as argument it talks over its pipes instead.
"""

import socket
import sys

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("web")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def greet(who: str) -> str:
    """Greet somebody."""
    return f"Grüße, {who} 語 🙂"


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("the shop is closed")


@server.tool()
def huge() -> str:
    """More than is taken."""
    return "x" * 11_000_000


@server.tool()
async def slow() -> str:
    """Never answers."""
    await anyio.sleep_forever()
    return ""


@server.tool()
def headers(context: Context) -> dict[str, str]:
    """What came with the request."""
    return dict(context.request_context.request.headers)


def main() -> None:
    if "stdio" in sys.argv:
        server.run()
        return
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    app = server.streamable_http_app(json_response="json" in sys.argv)
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
