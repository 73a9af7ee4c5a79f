"""A Python copy of how the Fluxbase SDK behaves on the wire, quirks included, for acceptance tests.

It is written from observed behaviour, so that a server which serves this serves the SDK: which headers are
sent, how `{data, error}` is made, one slot for a pending `start_chat`, incomplete frames that are dropped,
reconnects that count from zero at each open. The names follow Python; the behaviour follows the SDK.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import httpx
import trio
import trio_websocket

Json: TypeAlias = dict[str, Any]

REST_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 1.0
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""Browsers have no limit worth the name."""


class ApiError(Exception):
    """What the SDK gives as `error`: the body's `error` as JavaScript's `String` makes it."""

    def __init__(self, message: str, status: int = 0, details: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = details


class Result(NamedTuple):
    """The pair that each REST call comes back with; one of the two is None."""

    data: Any
    error: ApiError | None


# -- REST ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def create_client(url: str, key: str, headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    """`createClient(url, key, {headers})`; its chats end with the block, as with the page that had them."""
    async with httpx.AsyncClient(timeout=REST_TIMEOUT_S) as http, trio.open_nursery() as nursery:
        yield Client(http, nursery, url, key, headers or {})
        nursery.cancel_scope.cancel()


class Client:
    """REST with two copies of the key, and the door to chats."""

    def __init__(
        self, http: httpx.AsyncClient, nursery: trio.Nursery, url: str, key: str, headers: dict[str, str]
    ) -> None:
        self._http = http
        self._key = key
        self._headers = headers
        self._bearer = key
        self.rest_base = url.removesuffix("/")
        self.ws_base = url.replace("http", "ws", 1)  # keeps a trailing slash: ws://host//ai/ws
        self.ai = AI(self, nursery)
        self.admin = Admin(self)

    def set_auth_token(self, token: str | None) -> None:
        """What sign-in does: `Authorization` changes, `apikey` does not."""
        self._bearer = token or self._key

    async def request(self, method: str, path: str, body: Any = None) -> Result:
        """One call; never raises for what the server answers."""
        headers = {
            "Content-Type": "application/json",
            "apikey": self._key,
            "Authorization": f"Bearer {self._bearer}",
            **self._headers,
        }
        content = None if body is None else json.dumps(body)
        try:
            answer = await self._http.request(method, self.rest_base + path, headers=headers, content=content)
        except httpx.HTTPError as error:
            return Result(None, ApiError(str(error)))
        return _result(answer)


class AI:
    """`client.ai`: bots, own conversations, chats."""

    def __init__(self, client: Client, nursery: trio.Nursery) -> None:
        self._client = client
        self._nursery = nursery

    async def list_chatbots(self) -> Result:
        return _unwrap(await self._client.request("GET", "/api/v1/ai/chatbots"), "chatbots")

    async def get_chatbot(self, id: str) -> Result:
        return await self._client.request("GET", f"/api/v1/ai/chatbots/{id}")

    async def lookup_chatbot(self, name: str) -> Result:
        return await self._client.request("GET", f"/api/v1/ai/chatbots/by-name/{_encoded(name)}")

    async def list_conversations(self, **options: str | int) -> Result:
        query = f"?{urlencode(options)}" if options else ""
        return await self._client.request("GET", f"/api/v1/ai/conversations{query}")

    async def get_conversation(self, id: str) -> Result:
        return await self._client.request("GET", f"/api/v1/ai/conversations/{id}")

    async def update_conversation(self, id: str, *, title: str) -> Result:
        return await self._client.request("PATCH", f"/api/v1/ai/conversations/{id}", {"title": title})

    async def delete_conversation(self, id: str) -> Result:
        _, error = await self._client.request("DELETE", f"/api/v1/ai/conversations/{id}")
        return Result(None, error)

    def create_chat(self, **options: Any) -> AIChat:
        """A chat that knows the server's address and nothing of the client's key or session."""
        return AIChat(
            self._nursery, ws_url=f"{self._client.ws_base}/ai/ws", lookup=self.lookup_chatbot, **options
        )


class Admin:
    """`client.admin`."""

    def __init__(self, client: Client) -> None:
        self.ai = AdminAI(client)


class AdminAI:
    """`client.admin.ai`: bots, providers, details of tables."""

    def __init__(self, client: Client) -> None:
        self._request = client.request

    async def list_chatbots(self, namespace: str | None = None) -> Result:
        query = f"?namespace={namespace}" if namespace else ""
        return _unwrap(await self._request("GET", f"/api/v1/admin/ai/chatbots{query}"), "chatbots")

    async def get_chatbot(self, id: str) -> Result:
        return await self._request("GET", f"/api/v1/admin/ai/chatbots/{id}")

    async def toggle_chatbot(self, id: str, enabled: bool) -> Result:
        return await self._request("PUT", f"/api/v1/admin/ai/chatbots/{id}/toggle", {"enabled": enabled})

    async def delete_chatbot(self, id: str) -> Result:
        _, error = await self._request("DELETE", f"/api/v1/admin/ai/chatbots/{id}")
        return Result(None, error)

    async def sync(
        self, *, namespace: str = "default", chatbots: list[Json] | None = None, **options: bool
    ) -> Result:
        """All of the body is always sent, but for `chatbots`, which is left out when there are none given."""
        wanted = {"delete_missing": False, "dry_run": False, **options}
        body: Json = {"namespace": namespace, "options": wanted}
        body |= {} if chatbots is None else {"chatbots": chatbots}
        return await self._request("POST", "/api/v1/admin/ai/chatbots/sync", body)

    async def list_providers(self) -> Result:
        return _unwrap(await self._request("GET", "/api/v1/admin/ai/providers"), "providers")

    async def get_provider(self, id: str) -> Result:
        return await self._request("GET", f"/api/v1/admin/ai/providers/{id}")

    async def create_provider(self, **provider: Any) -> Result:
        return await self._request("POST", "/api/v1/admin/ai/providers", _with_texts(provider))

    async def update_provider(self, id: str, **update: Any) -> Result:
        return await self._request("PUT", f"/api/v1/admin/ai/providers/{id}", _with_texts(update))

    async def set_default_provider(self, id: str) -> Result:
        return await self._request("PUT", f"/api/v1/admin/ai/providers/{id}/default", {})

    async def delete_provider(self, id: str) -> Result:
        _, error = await self._request("DELETE", f"/api/v1/admin/ai/providers/{id}")
        return Result(None, error)

    async def set_embedding_provider(self, id: str) -> Result:
        return await self._request("PUT", f"/api/v1/admin/ai/providers/{id}/embedding", {})

    async def clear_embedding_provider(self, id: str) -> Result:
        return await self._request("DELETE", f"/api/v1/admin/ai/providers/{id}/embedding")

    async def get_table_details(self, schema: str, table: str) -> Result:
        return await self._request("GET", f"/api/v1/admin/ai/tables/{_encoded(schema)}/{_encoded(table)}")


def _with_texts(provider: Json) -> Json:
    """Every value of `config` becomes a text, as JavaScript's `String` makes it; null is dropped."""
    if "config" not in provider:
        return provider
    config = {key: _string(value) for key, value in provider["config"].items() if value is not None}
    return provider | {"config": config}


def _result(answer: httpx.Response) -> Result:
    is_json = "application/json" in answer.headers.get("content-type", "")
    if is_json and not answer.content:  # `response.json()` throws
        return Result(None, ApiError("Unexpected end of JSON input"))
    body = answer.json() if is_json else answer.text
    if answer.is_success:
        return Result(body, None)
    message = answer.reason_phrase
    if isinstance(body, dict) and "error" in body:
        message = _string(body["error"])
    return Result(None, ApiError(message, answer.status_code, body))


def _unwrap(result: Result, name: str) -> Result:
    return result if result.error else Result(result.data.get(name) or [], None)


def _string(value: Any) -> str:
    """JavaScript's `String(value)`."""
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, list):
        return ",".join(map(_string, value))
    return value if isinstance(value, str) else json.dumps(value)


def _encoded(name: str) -> str:
    return quote(name, safe="!'()*-._~")


# -- chat ---------------------------------------------------------------------------------------------


class AIChat:
    """`FluxbaseAIChat`. Callbacks are called in the order of the frames; `upgrades` counts attempts."""

    def __init__(
        self,
        nursery: trio.Nursery,
        *,
        ws_url: str,
        token: str | None = None,
        on_content: Callable[[str, str], None] | None = None,
        on_progress: Callable[[str, str, str], None] | None = None,
        on_query_result: Callable[[str, str, int, list[Json], str], None] | None = None,
        on_done: Callable[[Json | None, str], None] | None = None,
        on_error: Callable[[str, str | None, str | None], None] | None = None,
        on_event: Callable[[Json], None] | None = None,
        reconnect_attempts: int = 3,
        reconnect_delay_s: float = 1.0,
        lookup: Callable[[str], Awaitable[Result]] | None = None,
    ) -> None:
        self._nursery = nursery
        self._url = _with_token(ws_url, token)
        self._on_content = on_content or _ignore
        self._on_progress = on_progress or _ignore
        self._on_query_result = on_query_result or _ignore
        self._on_done = on_done or _ignore
        self._on_error = on_error or _ignore
        self._on_event = on_event or _ignore
        self._attempts_max = reconnect_attempts
        self._attempts = 0
        self._delay_s = reconnect_delay_s
        self._lookup = lookup
        self._socket: trio_websocket.WebSocketConnection | None = None
        self._pending: _Promise | None = None
        self._accumulated: dict[str, str] = {}
        self.upgrades = 0
        self.unreadable: list[str | bytes] = []
        """Frames that were no JSON; the SDK logs them and goes on."""

    async def connect(self) -> None:
        """Wait for the socket to open; raises a `ConnectionError` that tells nothing, as browsers do."""
        opened = _Promise()
        self._nursery.start_soon(self._live, opened)
        await opened.wait()

    async def disconnect(self) -> None:
        """Close the socket. The close handler does not know that it was meant, and reconnects."""
        if self._socket is not None:
            with trio.move_on_after(CLOSE_TIMEOUT_S):
                await self._socket.aclose()

    def is_connected(self) -> bool:
        return self._socket is not None

    async def start_chat(
        self,
        chatbot: str,
        namespace: str | None = None,
        conversation_id: str | None = None,
        impersonate_user_id: str | None = None,
    ) -> str:
        """The id in the next `chat_started`, whosever it is; any `error` frame until then is raised.

        There is one slot: a second call takes it over, and the first never comes back.
        """
        self._require_socket()
        if namespace is None:
            namespace = await self._namespace_of(chatbot) if self._lookup else "default"
        pending = self._pending = _Promise()
        await self._send(
            type="start_chat",
            chatbot=chatbot,
            namespace=namespace,
            conversation_id=conversation_id,
            impersonate_user_id=impersonate_user_id,
        )
        return str(await pending.wait())

    async def send_message(self, conversation_id: str, content: str) -> None:
        """Returns when the frame is sent; what was accumulated for the conversation starts anew."""
        self._require_socket()
        self._accumulated[conversation_id] = ""
        await self._send(type="message", conversation_id=conversation_id, content=content)

    async def cancel(self, conversation_id: str) -> None:
        """Returns when the frame is sent."""
        await self._send(type="cancel", conversation_id=conversation_id)

    def get_accumulated_content(self, conversation_id: str) -> str:
        """All deltas since the last `send_message` of the conversation."""
        return self._accumulated.get(conversation_id, "")

    async def send_raw(self, frame: str | bytes) -> None:
        """Not in the SDK: what a client with a bug of its own might send."""
        await self._require_socket().send_message(frame)

    async def _live(self, opened: _Promise) -> None:
        """One socket from upgrade to close, then perhaps the next one."""
        self.upgrades += 1
        try:
            await self._until_closed(opened)
        except* (trio_websocket.HandshakeError, OSError):
            opened.reject(ConnectionError("WebSocket connection error"))
        self._tell({"type": "disconnected"})
        if self._attempts < self._attempts_max:
            self._attempts += 1
            await trio.sleep(self._delay_s)
            self._nursery.start_soon(self._live, _Promise())

    async def _until_closed(self, opened: _Promise) -> None:
        """Over a stream of our own, since the library leaves that of a refused upgrade open."""
        parts = urlsplit(self._url)
        resource = f"{parts.path}?{parts.query}" if parts.query else parts.path
        stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or 80)
        async with stream, trio.open_nursery() as nursery:
            socket = await trio_websocket.wrap_client_stream(
                nursery, stream, parts.netloc, resource, max_message_size=MESSAGE_BYTES_MAX
            )
            self._socket = socket
            self._attempts = 0
            self._tell({"type": "connected"})
            opened.resolve(None)
            try:
                await self._receive(socket)
            finally:
                self._socket = None
            # The library's reader ends with the stream, which is the peer's to close: not for ever.
            nursery.cancel_scope.deadline = trio.current_time() + CLOSE_TIMEOUT_S

    async def _receive(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            try:
                text = await socket.get_message()
            except trio_websocket.ConnectionClosed:
                return
            try:
                frame = json.loads(text)
            except ValueError:
                self.unreadable.append(text)
                continue
            self._take(frame)

    def _take(self, frame: Json) -> None:
        """The specific callback if the frame is complete, then `on_event` in any case."""
        conversation_id = frame.get("conversation_id")
        match frame.get("type"):
            case "chat_started":
                if self._pending and conversation_id:
                    self._pending.resolve(conversation_id)
                    self._pending = None
            case "content" if frame.get("delta") and conversation_id:
                self._accumulated[conversation_id] = (
                    self._accumulated.get(conversation_id, "") + frame["delta"]
                )
                self._on_content(frame["delta"], conversation_id)
            case "progress" if frame.get("step") and frame.get("message") and conversation_id:
                self._on_progress(frame["step"], frame["message"], conversation_id)
            case "query_result" if conversation_id:
                self._on_query_result(*_query_result(frame), conversation_id)
            case "tool_result" if conversation_id and frame.get("query") and frame.get("data"):
                self._on_query_result(*_query_result(frame), conversation_id)
            case "done" if conversation_id:
                self._on_done(frame.get("usage"), conversation_id)
            case "error":
                self._fail(frame)
        self._tell(frame)

    def _fail(self, frame: Json) -> None:
        text = frame.get("error") or "Unknown error"
        self._on_error(text, frame.get("code"), frame.get("conversation_id"))
        if self._pending:
            self._pending.reject(ApiError(text))
            self._pending = None

    def _tell(self, frame: Json) -> None:
        self._on_event({name: frame.get(wire) for name, wire in _EVENT_FIELDS.items()})

    async def _namespace_of(self, chatbot: str) -> str:
        assert self._lookup is not None
        data, error = await self._lookup(chatbot)
        if error or not data:
            raise ApiError(f"Failed to lookup chatbot: {error.message if error else 'Unknown error'}")
        if data.get("ambiguous"):
            namespaces = ", ".join(data.get("namespaces") or [])
            raise ApiError(f"Chatbot '{chatbot}' is in several namespaces: {namespaces}")
        if not data.get("chatbot"):
            raise ApiError(data.get("error") or f"Chatbot '{chatbot}' not found")
        return str(data["chatbot"]["namespace"])

    def _require_socket(self) -> trio_websocket.WebSocketConnection:
        if self._socket is None:
            raise ConnectionError("Not connected to AI chat")
        return self._socket

    async def _send(self, **fields: str | None) -> None:
        """Undefined fields are left out, as `JSON.stringify` does."""
        known = {name: value for name, value in fields.items() if value is not None}
        await self._require_socket().send_message(json.dumps(known))


_EVENT_FIELDS = {
    "type": "type",
    "conversation_id": "conversation_id",
    "chatbot": "chatbot",
    "step": "step",
    "message": "message",
    "delta": "delta",
    "query": "query",
    "summary": "summary",
    "row_count": "row_count",
    "data": "data",
    "usage": "usage",
    "error": "error",
    "code": "code",
}
"""All that `on_event` gets to see, whatever else the frame holds."""


class _Promise:
    """A value or an error that comes later, once; later ones are ignored."""

    def __init__(self) -> None:
        self._settled = trio.Event()
        self._value: Any = None
        self._error: Exception | None = None

    def resolve(self, value: Any) -> None:
        if not self._settled.is_set():
            self._value = value
            self._settled.set()

    def reject(self, error: Exception) -> None:
        if not self._settled.is_set():
            self._error = error
            self._settled.set()

    async def wait(self) -> Any:
        await self._settled.wait()
        if self._error:
            raise self._error
        return self._value


class Ear:
    """Callbacks that keep all they hear, and a way to wait for it: `create_chat(**ear.callbacks)`."""

    def __init__(self) -> None:
        self.content: list[tuple[str, str]] = []
        self.progress: list[tuple[str, str, str]] = []
        self.query_results: list[tuple[str, str, int, list[Json], str]] = []
        self.done: list[tuple[Json | None, str]] = []
        self.errors: list[tuple[str, str | None, str | None]] = []
        self.events: list[Json] = []
        self._heard = trio.Event()

    @property
    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_content": lambda *words: self.content.append(words),
            "on_progress": lambda *words: self.progress.append(words),
            "on_query_result": lambda *words: self.query_results.append(words),
            "on_done": lambda *words: self.done.append(words),
            "on_error": lambda *words: self.errors.append(words),
            "on_event": self._hear,
        }

    def of_type(self, type: str) -> list[Json]:
        return [event for event in self.events if event["type"] == type]

    async def until(self, met: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Sleep until `met()` holds; it is asked after each event. Raises `trio.TooSlowError`."""
        with trio.fail_after(timeout_s):
            while not met():
                await self._heard.wait()

    async def until_events(self, type: str, count: int = 1, timeout_s: float = 30.0) -> list[Json]:
        """Sleep until there were `count` events of that type, and return them all."""
        await self.until(lambda: len(self.of_type(type)) >= count, timeout_s)
        return self.of_type(type)

    def _hear(self, event: Json) -> None:
        self.events.append(event)
        self._heard.set()
        self._heard = trio.Event()


def _query_result(frame: Json) -> tuple[str, str, int, list[Json]]:
    return (
        frame.get("query") or "",
        frame.get("summary") or "",
        frame.get("row_count") or 0,
        frame.get("data") or [],
    )


def _with_token(url: str, token: str | None) -> str:
    if not token:
        return url
    return f"{url}{'&' if '?' in url else '?'}token={_encoded(token)}"


def _ignore(*_: Any) -> None:
    """No callback was given."""
