"""Conversations: made, found, listed, deleted and listened to (7, 7.1, 10)."""

from __future__ import annotations

import logging

from appliance import conversation as ours
from appliance.conversation import ConversationFilter
from appliance.engine import listing, people, shared
from appliance.errors import ApplianceError, Conflict, Forbidden, InvalidInput, TooManyRequests, UserNotFound
from appliance.protocols.base import Stream
from appliance.protocols.botpress import pages, rooms, shapes, telling
from appliance.protocols.botpress.bodies import body
from appliance.protocols.botpress.listen import HEADERS, ListenCodec
from appliance.protocols.botpress.visits import Visit, check_id
from appliance.protocols.botpress.words import RETRY_AFTER_S, ReferenceNotFound, status_and_type
from appliance.wire import Reply, Request

PARTICIPANTS_MAX = 200
"""Of a new conversation at once; more can be added one by one."""

logger = logging.getLogger("appliance.server")


async def create(visit: Visit, request: Request) -> Reply:
    """A new one of the caller's; a taken id is a conflict for everybody, however it came to be taken."""
    asked = body(request, shapes.NewConversation)
    id = (asked.fid if visit.old else None) or asked.id
    others = await _known(visit, asked.participants or [])
    if id:
        check_id(id)
        _check_free(visit, id)
    made = await _open(visit, id)
    await people.bring(visit.engine, made, others)
    return _one(visit, made)


async def get(visit: Visit, request: Request) -> Reply:
    """One that the caller takes part in."""
    return _one(visit, rooms.seen(visit, request.path["id"]))


async def get_or_create(visit: Visit, request: Request) -> Reply:
    """The caller's own of that id; of many calls at once one makes it and all get it."""
    asked = body(request, shapes.WantedConversation)
    id = (asked.fid if visit.old else None) or asked.id or ""
    if found := _own(visit, id):
        return _one(visit, found)
    check_id(id)
    try:
        return _one(visit, await _open(visit, id))
    except Conflict:
        if found := _own(visit, id):
            return _one(visit, found)
        raise


async def listed(visit: Visit, request: Request) -> Reply:
    """All that the caller takes part in with this bot, whichever wire made them, newest first."""
    caller, bot = visit.caller, visit.bot
    of = f"conversations {caller.tenant} {bot.namespace}/{bot.name} {caller.owner}"
    found, _ = await listing.conversations(
        visit.engine,
        ConversationFilter(tenant=caller.tenant, namespace=bot.namespace, bot=bot.name, person=caller.owner),
        after=pages.after(request, of, pages.PLACE),
        limit=pages.PAGE + 1,
    )
    page = [one.conversation for one in found[: pages.PAGE]]
    last = (page[-1].created_at, page[-1].id) if page else None
    return Reply(
        body=shapes.Conversations(
            conversations=[telling.conversation(one, old=visit.old) for one in page],
            meta=pages.meta(of, found, last),
        )
    )


async def rename(visit: Visit, request: Request) -> Reply:
    """0.2.x: give it another foreign id."""
    asked = body(request, shapes.NewName)
    found = rooms.owned(visit, request.path["id"])
    if not asked.fid or asked.fid == telling.public_id(found):
        return _one(visit, found)
    check_id(asked.fid)
    _check_free(visit, asked.fid)
    if found.source != telling.SOURCE:
        raise Forbidden("This conversation was made over another protocol and keeps its id.")
    if not await shared.call(visit.engine, found, visit.external(asked.fid)):
        raise Conflict("There is a conversation of that id already.")
    return _one(visit, rooms.owned(visit, asked.fid))


async def delete(visit: Visit, request: Request) -> Reply:
    """With all that was said in it; its streams end."""
    found = rooms.owned(visit, request.path["id"])
    await visit.engine.delete(found.id, visit.caller)
    return Reply(body=shapes.Nothing())


async def listen(visit: Visit, request: Request) -> Stream:
    """What happens from now on, as signals."""
    found = rooms.member(visit, request.path["id"])
    place = await shared.now(visit.engine, found, visit.caller)
    codec = ListenCodec(rooms.room(visit, found), visit.caller.owner, place.told)
    return Stream(
        codec=codec,
        conversation_id=found.id,
        caller=visit.caller,
        after=place.after,
        until=visit.caller.expires_at,
        headers=HEADERS,
    )


def as_refusal_to_listen(error: Exception) -> ApplianceError:
    """The error as listeners may be told: after a 5xx they try again each second for ever (1, rule 12)."""
    if isinstance(error, ApplianceError) and status_and_type(error)[0] < 500:
        return error
    logger.error("a listener was put off", exc_info=error)
    return TooManyRequests("Nobody can listen here right now.", retry_after_s=RETRY_AFTER_S)


def _own(visit: Visit, id: str) -> ours.Conversation | None:
    """The caller's own of that id; raises `Forbidden` when it is taken otherwise."""
    found = shared.find(visit.engine, visit.caller.tenant, visit.external(id)) if id else None
    if found is None:
        return None
    if found.owner != visit.caller.owner or (found.namespace, found.bot) != visit.bot.key:
        raise Forbidden("This id is somebody else's conversation.")
    return found


def _check_free(visit: Visit, id: str) -> None:
    if shared.find(visit.engine, visit.caller.tenant, visit.external(id)) is not None:
        raise Conflict("There is a conversation of that id already.")


async def _open(visit: Visit, id: str | None) -> ours.Conversation:
    external = visit.external(id) if id else None
    return await visit.engine.open_conversation(
        visit.bot, visit.caller, source=telling.SOURCE, external=external
    )


async def _known(visit: Visit, user_ids: list[str]) -> list[str]:
    """Who they are as owners, without the caller; raises `ReferenceNotFound`."""
    owners = [owner for owner in dict.fromkeys(map(visit.owner, user_ids)) if owner != visit.caller.owner]
    if len(owners) > PARTICIPANTS_MAX:
        raise InvalidInput(f"At most {PARTICIPANTS_MAX} participants can be named; add the others later.")
    try:
        await people.check_known(visit.engine, visit.caller.tenant, owners)
    except UserNotFound as error:
        raise ReferenceNotFound("One of the participants is no user here.") from error
    return owners


def _one(visit: Visit, found: ours.Conversation) -> Reply:
    return Reply(body=shapes.OneConversation(conversation=telling.conversation(found, old=visit.old)))
