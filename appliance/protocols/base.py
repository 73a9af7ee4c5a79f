"""What every protocol gives to the server: codecs for its streams and sockets, endpoints for its requests.

All of it is pure but for the handlers, which may await the engine and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from appliance.engine.chats import Resumed
from appliance.engine.engine import Engine, Opened
from appliance.engine.log import Entry, Wakeup
from appliance.errors import ApplianceError
from appliance.events import Command
from appliance.identity import Caller
from appliance.wire import Reply, Request

# -- sockets -----------------------------------------------------------------------------------------


class Answer(msgspec.Struct, frozen=True):
    """What a codec says to a frame by itself, such as a ping; it counts as no message."""

    frames: list[str]


class Codec(Protocol):
    """The codec of one WebSocket: frames <-> commands and events.

    The little state a wire needs, no chat logic.
    """

    @property
    def reads_binary(self) -> bool:
        """Are binary frames read that hold text?"""
        ...

    @property
    def closing(self) -> tuple[int, str] | None:
        """Close code and reason, once there is nothing more to say on this connection."""
        ...

    def decode(self, frame: str) -> Command | Answer:
        """One frame as a command; raises `InvalidInput` that says what is wrong with it."""
        ...

    def conversation_in(self, frame: str) -> str | None:
        """The conversation that a frame names, for errors about frames that could not be decoded."""
        ...

    def opened(self, opened: Opened) -> list[str]:
        """The answer to a good `StartChat`."""
        ...

    def resumed(self, resumed: Resumed) -> list[str]:
        """The answer to a good `Resume`; what lies behind the asked position follows as events."""
        ...

    def nothing_to_cancel(self, conversation_id: str) -> list[str]:
        """The answer to a `CancelTurn` when no turn was running."""
        ...

    def refused(
        self, error: ApplianceError, command: Command | None, conversation_id: str | None
    ) -> list[str]:
        """A command could not be carried out (None: it could not even be decoded)."""
        ...

    def encode(self, conversation_id: str, entry: Entry, *, full: bool, after: int) -> list[str]:
        """Frames that tell one event, in order; often one, sometimes none.

        `full` readers came by `Resume` and also get the users' own messages. Frames up to position `after`
        have been seen: an event that is told in two frames may lie half behind it.
        """
        ...


# -- streams -----------------------------------------------------------------------------------------


class StreamCodec(Protocol):
    """The codec of one HTTP answer that goes on: events of a conversation's log -> pieces of the body."""

    heartbeat_s: float
    """Silence after which `heartbeat` is sent."""
    hold_s: float
    """How long nothing is sent behind the headers: some clients lose what comes along with them."""

    def begin(self) -> list[str]:
        """What is sent at once."""
        ...

    def encode(self, entry: Entry) -> list[str]:
        """The pieces that tell one event, in order; each is written whole."""
        ...

    def heartbeat(self) -> list[str]:
        """What shows that the stream is alive."""
        ...

    @property
    def ended(self) -> bool:
        """Is everything told? Then the body ends."""
        ...

    @property
    def apart(self) -> bool:
        """Must each piece be written by itself? Some clients parse what they read without keeping a rest."""
        ...


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that goes on: what the log of a conversation tells from position `after` on."""

    codec: Any
    """A `StreamCodec`; structs cannot name protocols."""
    conversation_id: str
    caller: Caller
    after: int
    until: float | None = None
    """When it ends at the latest, in Unix seconds: as long as what its client has shown is good."""
    content_type: str = "text/event-stream"
    headers: dict[str, str] = {}


class Feed(Protocol):
    """What one client of a `Broadcast` is told; it closes with the answer."""

    heartbeat_s: float
    """Silence after which `heartbeat` is sent."""

    @property
    def ended(self) -> bool:
        """Is this client no longer to be told anything?"""
        ...

    async def news(self) -> list[str]:
        """Everything that is new since the last call, at first all that there is to know; often nothing."""
        ...

    def heartbeat(self) -> list[str]:
        """What shows that the stream is alive."""
        ...

    def close(self) -> None:
        """The client has gone; closing twice is fine."""
        ...


class Broadcast(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that goes on and follows no one conversation: `open` makes the `Feed` of one client.

    The feed sets the `Wakeup` whenever it may have news.
    """

    open: Callable[[Wakeup], Any]
    caller: Caller
    until: float | None = None
    """As for a `Stream`."""
    headers: dict[str, str] = {}


# -- requests ----------------------------------------------------------------------------------------

Handler: TypeAlias = Callable[[Engine, Request], Awaitable[Reply | Stream | Broadcast]]
Check: TypeAlias = Callable[[Engine, Request], int]


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """One query parameter, header or field of a form, for the description of an endpoint.

    `schema` is a JSON schema.
    """

    name: str
    description: str
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "string"})
    where: Literal["query", "header", "form"] = "query"
    required: bool = False


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method and path, and what is told of it in `/openapi.json`.

    `path` has variables in angle brackets; `<*name>` stands for one or more segments. `body` is the type of
    the JSON body. `answers` maps each status of a good answer, or of a refusal with a form of its own, to the
    type of its body: a type that msgspec can describe, a media type's name for a body that is no JSON, or
    None for an empty one; a tuple names several. Which errors there can be, beside the face's own, stands in
    `errors`.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    params: tuple[Param, ...] = ()
    body: Any = None
    body_required: bool = True
    form: tuple[Param, ...] = ()
    """Fields of a body that is `multipart/form-data` instead of JSON; it may be as large as a document."""
    check: Check | None = None
    """Asked before a form is read, with a request that has no body yet: gives the most bytes that a file in
    it may have, or raises what speaks against reading it. Without one, strangers are refused."""
    answers: Mapping[int, Any] = {}
    errors: tuple[int, ...] = ()
    access: Literal["open", "anyone", "user", "key", "operator", "admin"] = "user"
    """Who may ask: `open` does not look at credentials at all, `anyone` refuses bad ones."""


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol over HTTP: its endpoints, its words for errors and its rules for browsers.

    Paths below `prefixes` are its own: what is wrong there is told by `refuse`, also that there is no such
    path. `mounts` are prefixes under which all of it is served ('' is the root). With `identifies` False the
    handlers find out themselves who asks, from the headers, and get an anonymous caller with an address.
    `stamp` gives headers for every answer, `error` the type of the bodies that `refuse` makes.
    """

    name: str
    prefixes: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    refuse: Callable[[ApplianceError], Reply]
    error: Any = None
    variables: Mapping[str, str] = {}
    """What each variable of its paths is, for `/openapi.json`."""
    mounts: tuple[str, ...] = ("",)
    identifies: bool = True
    cookie: Literal["", "fluxbase_access_token", "appliance_console"] = ""
    """The cookie that is a credential, too: a token of Fluxbase's dashboard, or a session of the console."""
    stamp: Callable[[], Mapping[str, str]] = dict
    requests_per_10_s: bool = False
    """Counts requests of each key and address, refuses too many, and tells in headers how many are left."""
    cors_headers: str = "Authorization, Content-Type, Accept"
    cors_exposed: str = ""
    cors_credentials: bool = False
