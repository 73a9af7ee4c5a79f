"""Pages of other people on an origin of their own: what the widget has to live in."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import h11
import trio

STRICT = (
    "default-src 'self'; script-src {appliance}; connect-src {appliance}{sockets}; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The policy of a careful page: no inline style or script, no strings as scripts."""

PLAIN = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Plain</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="{appliance}/widget.js" data-bot="support" defer></script></head>
<body><main><h1>A plain page</h1><p>Some words.</p><a href="#x">a link</a></main></body></html>"""

HOSTILE = """<html lang="en"><head><title>Hostile</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>* {{ all: unset !important; }}
div, button, textarea, span, p {{ color: red !important;
display: inline !important; font: 7px serif !important; position: static !important;
opacity: .1 !important; transform: rotate(9deg) !important; }}
html {{ font-size: 5px }}</style></head>
<body><form id="order" action="/sent"><input name="first">
<appliance-chat bot="support" server="{appliance}/"></appliance-chat><button>Order</button></form>
<script>window.keys = 0; document.addEventListener('keydown', () => window.keys++)
document.getElementById('order').addEventListener('submit', () => document.title = 'submitted')</script>
<script src="{appliance}/widget.js" defer></script></body></html>"""

ROUTED = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Routed</title></head>
<body><nav><a href="/one">One</a> <a href="/two">Two</a></nav><main id="view"><h1>One</h1></main>
<div id="side" style="height: 500px; width: 380px"></div>
<script>
window.ApplianceChat = window.ApplianceChat || []
window.heard = []
ApplianceChat.push(['on', 'answer', (detail) => heard.push(detail.text)])
ApplianceChat.push(['on', 'ready', () => heard.push('ready')])
const show = () => {{
  const title = location.pathname === '/two' ? 'Two' : 'One'
  const head = document.createElement('h1')
  head.append(title)
  const chats = [...document.querySelectorAll('appliance-chat')]
  document.getElementById('view').replaceChildren(head)
  chats.forEach((chat) => chat.remove())
  requestAnimationFrame(() => chats.forEach((chat) => {{
    document.getElementById(chat.getAttribute('mode') ? 'side' : 'view').append(chat)
  }}))
}}
document.querySelector('nav').addEventListener('click', (event) => {{
  event.preventDefault()
  history.pushState(null, '', event.target.href)
  show()
}})
</script>
<script src="{appliance}/widget.js" data-bot="support" defer></script>
<script src="{appliance}/widget.js" data-bot="sql-assistant" data-target="#side"
data-title="Figures" defer></script>
</body></html>"""

RTL = """<!doctype html><html lang="ar" dir="rtl"><head><meta charset="utf-8"><title>RTL</title></head>
<body>
<main><h1>RTL</h1></main>
<script src="{appliance}/widget.js" data-bot="support"
data-colour="#0a7d5c" defer></script>
</body></html>"""

PAGES: Mapping[str, str] = {
    "/plain": PLAIN,
    "/strict": PLAIN,
    "/hostile": HOSTILE,
    "/one": ROUTED,
    "/rtl": RTL,
}


async def _answer(appliance: str, pages: Mapping[str, str], stream: trio.SocketStream) -> None:
    connection = h11.Connection(h11.SERVER)
    async with stream:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
                continue
            if isinstance(event, h11.Request):
                path = event.target.decode().split("?")[0]
            if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                break
        if connection.our_state is not h11.SEND_RESPONSE:
            return
        text = pages.get(path)
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Connection", "close")]
        if path in ("/plain", "/strict"):
            sockets = " " + appliance.replace("http", "ws", 1) if path == "/plain" else ""
            headers.append(("Content-Security-Policy", STRICT.format(appliance=appliance, sockets=sockets)))
        body = (text or "").format(appliance=appliance).encode()
        head = h11.Response(status_code=200, headers=headers)  # also for the icon that browsers ask for
        for part in (head, h11.Data(data=body), h11.EndOfMessage()):
            await stream.send_all(connection.send(part) or b"")


@asynccontextmanager
async def host_pages(appliance: str, **more: str) -> AsyncIterator[str]:
    """Serve the pages, and `more` by their names, while the block runs; gives their origin.

    It is not the appliance's.
    """
    pages = {**PAGES, **{f"/{name}": text for name, text in more.items()}}
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(trio.serve_tcp, partial(_served, appliance, pages), 0, host="127.0.0.1")
        )
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def _served(appliance: str, pages: Mapping[str, str], stream: trio.SocketStream) -> None:
    with contextlib.suppress(trio.BrokenResourceError, h11.RemoteProtocolError):  # the browser has left
        await _answer(appliance, pages, stream)
