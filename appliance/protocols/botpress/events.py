"""Events of people's own making (7, 7.1): told and given back, never listed and never answered."""

from __future__ import annotations

from appliance.engine import people
from appliance.errors import NotFound
from appliance.protocols.botpress import rooms, shapes, telling
from appliance.protocols.botpress.bodies import body
from appliance.protocols.botpress.visits import Visit
from appliance.protocols.client_json import check_depth
from appliance.wire import Reply, Request


async def create(visit: Visit, request: Request) -> Reply:
    """Tell any JSON object to all who listen; it counts as a request, like a message."""
    asked = body(request, shapes.NewEvent)
    found = rooms.member(visit, asked.conversation_id)
    check_depth(asked.payload)
    event = await people.post_event(visit.engine, visit.bot, found, visit.caller, asked.payload)
    return Reply(body=shapes.OneEvent(event=telling.event(event, rooms.room(visit, found))))


async def get(visit: Visit, request: Request) -> Reply:
    """One event with its real author."""
    missing = NotFound("There is no such event.")
    event = await people.find_event(visit.engine, request.path["id"], visit.caller.tenant)
    if event is None:
        raise missing
    found = rooms.around(visit, event.conversation_id, missing)
    return Reply(body=shapes.OneEvent(event=telling.event(event, rooms.room(visit, found))))
