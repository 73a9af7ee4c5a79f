"""Who takes part in a conversation (7, 7.1). Only its owner may change that.

A person of the team takes part while they are there, and comes and goes at the console.
"""

from __future__ import annotations

from appliance.conversation import Conversation
from appliance.engine import people
from appliance.engine.people import Person
from appliance.errors import Forbidden, InvalidInput, UserNotFound
from appliance.protocols.botpress import pages, rooms, shapes, telling
from appliance.protocols.botpress.bodies import body
from appliance.protocols.botpress.visits import Visit
from appliance.wire import Reply, Request


async def add(visit: Visit, request: Request) -> Reply:
    """Let a user take part; who does already is given back, and nobody is told twice."""
    asked = body(request, shapes.NewParticipant)
    found = rooms.owned(visit, request.path["id"])
    owner = visit.owner(asked.user_id)
    person = people.find(visit.engine, visit.caller.tenant, owner)
    if person is None:
        raise UserNotFound("There is no such user.")
    await people.add(visit.engine, found, owner)
    return _one(visit, person)


async def get(visit: Visit, request: Request) -> Reply:
    """One of those who take part."""
    found = rooms.owned(visit, request.path["id"])
    if helper := _of_the_team(visit, found, request.path["user_id"]):
        return Reply(body=shapes.OneParticipant(participant=helper))
    owner = visit.owner(request.path["user_id"])
    page = await people.participants(visit.engine, found, only=owner, limit=1)
    if not page:
        raise UserNotFound("There is no such participant.")
    return _one(visit, page[0].person)


async def listed(visit: Visit, request: Request) -> Reply:
    """The owner, then the others as they came; at the end a person of the team."""
    found = rooms.member(visit, request.path["id"])
    of = f"participants {found.id}"
    after = pages.after(request, of, pages.PLACE)
    seen = await people.participants(visit.engine, found, after=after, limit=pages.PAGE + 1)
    page = seen[: pages.PAGE]
    last = (page[-1].joined_at, page[-1].person.owner) if page else None
    told = [telling.user(one.person, old=visit.old) for one in page]
    helper = telling.operator(found, old=visit.old)
    if helper and len(seen) <= pages.PAGE:
        told.append(helper)
    return Reply(body=shapes.Participants(participants=told, meta=pages.meta(of, seen, last)))


async def remove(visit: Visit, request: Request) -> Reply:
    """Take a user out; their streams of this conversation end, then the others are told."""
    found = rooms.owned(visit, request.path["id"])
    if _of_the_team(visit, found, request.path["user_id"]):
        raise Forbidden("People of the team leave by themselves.")
    owner = visit.owner(request.path["user_id"])
    if owner == found.owner:
        raise InvalidInput("A conversation's owner cannot be removed; delete the conversation.")
    await people.remove(visit.engine, found, owner)
    return Reply(body=shapes.Nothing())


def _of_the_team(visit: Visit, found: Conversation, user_id: str) -> shapes.User | None:
    helper = telling.operator(found, old=visit.old)
    return helper if helper and helper.id == user_id else None


def _one(visit: Visit, person: Person) -> Reply:
    return Reply(body=shapes.OneParticipant(participant=telling.user(person, old=visit.old)))
