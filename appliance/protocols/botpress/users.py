"""Users: who one is and what one tells of oneself (7, 7.1)."""

from __future__ import annotations

from appliance.engine import people
from appliance.engine.admission import check_access
from appliance.engine.people import Details
from appliance.errors import Conflict, InvalidCredential, UserNotFound
from appliance.protocols.botpress import shapes, telling
from appliance.protocols.botpress.bodies import body
from appliance.protocols.botpress.visits import KEPT, Visit, check_id, check_user_id, guest, is_kept
from appliance.wire import Reply, Request


async def create(visit: Visit, request: Request) -> Reply:
    """A new guest and the key that is theirs; a taken id is a conflict, and never gives a key."""
    keys = visit.engine.services.guest_keys
    if keys.is_personal(visit.caller.tenant):
        raise InvalidCredential("Users are not created here: sign {id} with the encryption key instead.")
    asked = body(request, shapes.NewUser)
    chosen = (asked.fid if visit.old else None) or asked.id or ""
    id = chosen or people.new_guest_id()
    check_id(id)
    if is_kept(id):
        raise Conflict(f"The id {id!r} {KEPT}")
    if people.is_made(chosen):
        raise Conflict("There is a user of that id already.")
    stranger = guest(visit, id)
    check_access(visit.bot, stranger)  # whom the bot will not talk to needs no key
    made = await people.create(visit.engine, stranger, _details(asked))
    key = keys.sign(stranger.tenant, id)
    return Reply(body=shapes.UserAndKey(user=telling.user(made, old=visit.old), key=key))


async def get(visit: Visit, request: Request) -> Reply:
    """The caller."""
    caller = visit.caller
    found = people.find(visit.engine, caller.tenant, caller.owner)
    if found is None:
        raise UserNotFound("There is no such user any more.")
    return _one(visit, found)


async def get_or_create(visit: Visit, request: Request) -> Reply:
    """The caller with what is given applied; whoever holds a good key may come into being so."""
    asked = body(request, shapes.UserBody)
    caller = visit.caller
    if people.find(visit.engine, caller.tenant, caller.owner) is None:
        check_user_id(caller.user_id or caller.guest_id)
    return _one(visit, await people.get_or_create(visit.engine, caller, _details(asked)))


async def update(visit: Visit, request: Request) -> Reply:
    """Change what is given."""
    asked = body(request, shapes.UserBody)
    return _one(visit, await people.update(visit.engine, visit.caller, _details(asked)))


async def delete(visit: Visit, request: Request) -> Reply:
    """Forget the caller; their streams end, their messages stay."""
    await people.delete(visit.engine, visit.caller)
    return Reply(body=shapes.Nothing())


def _details(asked: shapes.UserBody) -> Details:
    return Details(name=asked.name, picture_url=asked.picture_url, profile=asked.profile)


def _one(visit: Visit, person: people.Person) -> Reply:
    return Reply(body=shapes.OneUser(user=telling.user(person, old=visit.old)))
