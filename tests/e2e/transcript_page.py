"""A page with nothing but transcripts on it, in a shadow root or without one, of the server's own files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request, Route

from appliance.server.static_files import pack

STATIC = Path(__file__).parents[2] / "static"
ORIGIN = "http://localhost:9"
"""Nobody serves it: the browser never gets that far. A clipboard is there for such a name only."""
CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HTML = "<!doctype html><html lang=en><meta charset=utf-8><title>page</title><link rel=icon href=data:,><body>"

SETUP = """async ({locale, theme, dir}) => {
  const { Transcript } = await import('/static/widget/transcript.js')
  const { speak } = await import('/static/widget/strings.js')
  const t = await speak('en', locale)
  const sheets = []
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(await (await fetch('/static/widget/style.css')).text())
  sheets.push(sheet)
  window.calls = []
  window.said = []
  window.make = (isShadow) => {
    const host = document.createElement('div')
    document.body.append(host)
    const root = isShadow ? host.attachShadow({ mode: 'open' }) : host
    host.setAttribute('mode', 'inline')
    if (isShadow) root.adoptedStyleSheets = sheets
    else document.adoptedStyleSheets = sheets
    const frame = document.createElement('div')
    frame.className = 'frame'
    frame.dir = dir
    const looks = { 'color-scheme': theme, background: 'var(--ground)', color: 'var(--text)' }
    looks['--brand'] = 'light-dark(#3657d6, #8ea6ff)' // the element's
    for (const name in looks) frame.style.setProperty(name, looks[name])
    const log = document.createElement('div')
    log.setAttribute('role', 'log')
    log.setAttribute('aria-label', 'Conversation')
    const announcer = document.createElement('p')
    announcer.setAttribute('role', 'status')
    announcer.className = 'unseen'
    frame.append(log, announcer)
    root.append(frame)
    const call = (name) => (...values) => calls.push([name, ...values])
    const transcript = new Transcript(log, {
      t, locale,
      onRetry: call('retry'), onEdit: call('edit'), onRegenerate: call('regenerate'),
      onFollowUp: call('follow-up'),
      onDue: () => {}, onDecide: () => 'decision',
      onFeedback: async (...values) => (calls.push(['feedback', ...values]), window.feedbackWorks ?? true),
      announce: (text) => (said.push(text), (announcer.textContent = text)),
    })
    return { transcript, log, frame, root }
  }
  let seq = 0
  window.feed = (transcript, ...events) => {
    for (const event of events) transcript.take({ seq: ++seq, ...event })
  }
  window.idle = async (transcript) => {
    do await transcript.held
    while (transcript.held)
  }
}"""


class Watch:
    """What must not happen: code that runs, dialogs, requests to anywhere else."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def asked(self, request: Request) -> None:
        """Every request but those for our own files is one too many."""
        if not request.url.startswith((f"{ORIGIN}/", "data:", "blob:")):
            self.faults.append(f"request {request.url}")

    def dialog(self, dialog: Dialog) -> None:
        """No page of ours opens one of the browser's own."""
        self.faults.append(f"dialog {dialog.message}")
        dialog.dismiss()


@contextmanager
def transcript_page(page: Page, *, csp: bool = True, **look: str) -> Iterator[Watch]:
    """`window.make(isShadow)`, `feed` and `idle` are there inside the block, `said` and `calls` tell."""
    watch = Watch()

    def serve(route: Route) -> None:
        url = urlsplit(route.request.url)
        if not route.request.url.startswith(f"{ORIGIN}/"):
            return route.abort()
        if url.path == "/":
            headers = {"Content-Security-Policy": CSP} if csp else {}
            return route.fulfill(body=HTML, content_type="text/html", headers=headers)
        path = STATIC.parent / url.path.lstrip("/")
        if not url.path.startswith("/static/") or not path.is_file():
            return route.fulfill(status=404)
        packed = pack(path)
        return route.fulfill(body=packed.plain, content_type=packed.content_type)

    page.on("request", watch.asked)
    page.on("dialog", watch.dialog)
    page.expose_function("__pwned", lambda *values: watch.faults.append(f"ran {values}"))
    page.route("**/*", serve)
    page.goto(f"{ORIGIN}/")
    page.evaluate(SETUP, _look(look))
    yield watch


def _look(look: dict[str, str]) -> dict[str, Any]:
    return {"locale": "en-GB", "theme": "light", "dir": "ltr"} | look
