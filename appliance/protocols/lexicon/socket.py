"""The Lexicon socket's door: three parameters, the checks of 3 in their order, readable refusals."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.conversation import Conversation
from appliance.engine import visits
from appliance.engine.engine import Engine
from appliance.errors import (
    ApplianceError,
    ConversationNotFound,
    InvalidCredential,
    InvalidInput,
)
from appliance.identity import Caller
from appliance.protocols.lexicon.codec import ChatCodec, error_event
from appliance.protocols.lexicon.words import (
    SHOWN_CHARS_MAX,
    BadParameter,
    Told,
    TooManySockets,
    check_user_id,
    error_body,
    told,
)
from appliance.protocols.sockets import Farewell, Opening, SocketFace, SocketRequest
from appliance.wire import Reply

POLICY, TRY_AGAIN_LATER, GOING_AWAY, FAULT = 1008, 1013, 1001, 1011
"""Close codes; none are documented (3)."""

_CLOSES = {
    "AUTH_ERROR": POLICY,
    "CHAT_NOT_FOUND": POLICY,
    "CONNECTION_LIMIT_EXCEEDED": TRY_AGAIN_LATER,
}
_REASONS = {
    POLICY: "The connection was refused; the error event says why.",
    TRY_AGAIN_LATER: "Too many connections of this tenant.",
    GOING_AWAY: "The server is stopping.",
    FAULT: "Something went wrong here.",
}


async def open_chat(engine: Engine, ask: SocketRequest) -> Opening:
    """The checks of 3 in their order, then a place among the tenant's connections, then the user (5)."""
    tenant = _checked_key(ask)
    user_id = _checked_user(ask)
    conversation, caller = _checked_chat(engine, ask, tenant, user_id)
    settings = engine.services.settings
    limit = settings.lexicon_sockets_per_tenant_max
    if not ask.take_place(f"lexicon {tenant.tenant}", limit):
        raise TooManySockets(f"The tenant has {limit} open connections, which is the most there may be.")
    codec = ChatCodec(
        chat_id=conversation.id, user_id=conversation.user_id or user_id, clock=engine.services.clock
    )
    created = await visits.first_visit(engine, tenant.tenant, user_id)
    return Opening(
        codec=codec,
        caller=caller,
        frames=codec.greeting(user_id=user_id, tenant=tenant.tenant, created=created),
        conversation_id=conversation.id,
        messages_per_second_max=settings.lexicon_messages_per_second_max,
    )


def _checked_key(ask: SocketRequest) -> Caller:
    if not credential(ask.query, ask.headers):
        raise _missing("api_key", "X-API-Key")
    if ask.problem:
        raise ask.problem
    return tenant_of(ask.caller)


def _checked_user(ask: SocketRequest) -> str:
    user_id = _named(ask.query, ask.headers, "user_id", "x-user-id")
    if not user_id:
        raise _missing("user_id", "X-User-ID")
    try:
        check_user_id(user_id)
    except InvalidInput as error:
        raise BadParameter(
            f"Invalid user_id parameter: {error.text}", fix="Choose another user_id."
        ) from error
    return user_id


def _checked_chat(
    engine: Engine, ask: SocketRequest, tenant: Caller, user_id: str
) -> tuple[Conversation, Caller]:
    """The chat and who writes in it: its owner. Another user's looks missing, if the setting says so."""
    chat_id = _named(ask.query, ask.headers, "chat_id", "x-chat-id")
    if not chat_id:
        raise _missing("chat_id", "X-Chat-ID")
    try:
        conversation, caller = engine.reach(chat_id, tenant)
    except ConversationNotFound as error:
        raise _no_chat(chat_id) from error
    if engine.services.settings.lexicon_owner_only and conversation.user_id != user_id:
        raise _no_chat(chat_id)
    return conversation, caller


def tenant_of(caller: Caller) -> Caller:
    """The caller, if it is a tenant's or a service's key; raises `InvalidCredential`."""
    if not caller.is_workspace or caller.is_user:
        raise InvalidCredential("Only keys of the types tenant and service are good here.")
    return caller


def credential(query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The API key: from the query, else from the header; empty when it is in neither."""
    return _named(query, headers, "api_key", "x-api-key")


def _named(query: Mapping[str, str], headers: Mapping[str, str], parameter: str, header: str) -> str:
    """Each is looked up by itself; an empty one is missing."""
    return query.get(parameter, "") or _as_text(headers.get(header, "")).strip()


def _as_text(header: str) -> str:
    """Servers hand the bytes of headers over as Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _missing(parameter: str, header: str) -> BadParameter:
    return BadParameter(
        f"Missing {parameter} parameter",
        fix=f"Add {parameter} parameter: ?{parameter}=your_{parameter} or {header} header",
    )


def _no_chat(chat_id: str) -> ConversationNotFound:
    shown = chat_id[:SHOWN_CHARS_MAX]
    return ConversationNotFound(
        f"Chat with chat_id '{shown}' not found or does not belong to your tenant", chat_id=shown
    )


def refuse(error: ApplianceError, at: float) -> Farewell:
    """An `error` event and a close, since browsers cannot even read the status of a handshake."""
    code = (
        GOING_AWAY
        if error.code == "shutting_down"
        else _CLOSES.get(told(error, event=True).error_code, FAULT)
    )
    return Farewell(frames=[error_event(error, at)], code=code, reason=_REASONS[code])


SOCKET = SocketFace(
    name="Lexicon",
    paths=("/ws/chat", "/ws/chat/", "//ws/chat"),
    open=open_chat,
    refuse=refuse,
    no_upgrade=Reply(
        status=426,
        body=error_body(
            Told(
                status=426,
                error_code="UPGRADE_REQUIRED",
                error_message="This is a WebSocket.",
                fix="Connect with a WebSocket client: ws://host/ws/chat?api_key=…&user_id=…&chat_id=…",
            )
        ),
        headers={"Upgrade": "websocket"},
    ),
    credential=credential,
)
