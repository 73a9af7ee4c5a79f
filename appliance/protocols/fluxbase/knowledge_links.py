"""Fluxbase's endpoints that tie bots to knowledge bases (3.4), and the bots of a base (6.8).

Bots serve all tenants, so that only who may keep bots may say what they answer from.
"""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.bot import Bot
from appliance.engine.bot_entries import Entry
from appliance.engine.engine import Engine
from appliance.engine.knowledge import links
from appliance.errors import BotNotFound
from appliance.knowledge import Link, LinkDraft
from appliance.protocols.base import Endpoint
from appliance.protocols.fluxbase.admins import check_keeper
from appliance.protocols.fluxbase.knowledge_desk import Desk, admin_desk
from appliance.protocols.fluxbase.rest import timestamp
from appliance.protocols.fluxbase.shapes_knowledge_links import (
    LinkBody,
    LinkedChatbot,
    LinkedChatbots,
    LinkList,
    NewLink,
    UpdateLink,
)
from appliance.wire import Reply, Request

PATH = "/api/v1/admin/ai/chatbots/<id>/knowledge-bases"
ORIGIN = "origin"
"""The key of a link's metadata that names what made it, where that was no administrator (6.6)."""


async def list_links(engine: Engine, request: Request) -> Reply:
    """`GET /chatbots/:id/knowledge-bases`."""
    desk, entry, bot = _bot(engine, request)
    found = await links.of_bot(desk.library, bot.namespace, bot.name)
    bodies = [_body(link, entry.id) for link in found]
    return Reply(body=LinkList(knowledge_bases=bodies, count=len(bodies)))


async def add_link(engine: Engine, request: Request) -> Reply:
    """`POST /chatbots/:id/knowledge-bases`: twice updates."""
    desk, entry, bot = _bot(engine, request)
    asked = request.json(NewLink)
    link = await links.link(desk.library, desk.caller, bot, asked.knowledge_base_id, _draft(asked))
    return Reply(status=201, body=_body(link, entry.id))


async def update_link(engine: Engine, request: Request) -> Reply:
    """`PUT /chatbots/:id/knowledge-bases/:kb`: 404 when they are not linked."""
    desk, entry, bot = _bot(engine, request)
    draft = _draft(request.json(UpdateLink))
    link = await links.update(desk.library, desk.caller, bot.namespace, bot.name, request.path["kb"], draft)
    return Reply(body=_body(link, entry.id))


async def remove_link(engine: Engine, request: Request) -> Reply:
    """`DELETE /chatbots/:id/knowledge-bases/:kb`."""
    desk, _, bot = _bot(engine, request)
    await links.unlink(desk.library, desk.caller, bot.namespace, bot.name, request.path["kb"])
    return Reply(status=204, body=None)


async def list_chatbots(desk: Desk, request: Request) -> Reply:
    """`GET /knowledge-bases/:id/chatbots`: for its editors; users are told of public bots only."""
    found = await links.of_base(desk.library, desk.caller, request.path["id"])
    bots = desk.engine.services.bots
    assert bots is not None, "the server makes them"
    entries = {entry.key: entry for entry in bots.all()}
    each = [(link, entries.get((link.namespace, link.bot))) for link in found]
    bodies = [_linked(link, entry) for link, entry in each if entry and (desk.is_admin or _is_public(entry))]
    return Reply(body=LinkedChatbots(chatbots=bodies, count=len(bodies)))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_links,
        summary="The knowledge bases that a bot answers from",
        answers={200: LinkList},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=add_link,
        summary="Let a bot answer from a knowledge base",
        body=NewLink,
        answers={201: LinkBody},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<kb>",
        handler=update_link,
        summary="Change how a bot answers from a knowledge base",
        body=UpdateLink,
        answers={200: LinkBody},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<kb>",
        handler=remove_link,
        summary="Let a bot not answer from a knowledge base any more",
        answers={204: None},
        errors=(404,),
        access="admin",
    ),
)


def _bot(engine: Engine, request: Request) -> tuple[Desk, Entry, Bot]:
    """The bot of the path, also a disabled one; raises `BotNotFound`."""
    check_keeper(request.caller)
    desk = admin_desk(engine, request.caller)
    bots = engine.services.bots
    assert bots is not None, "the server makes them"
    entry = bots.get(request.path["id"])
    if entry.bot is None:
        raise BotNotFound("The file of this chatbot has never been good: mend it first.")
    return desk, entry, entry.bot


def _is_public(entry: Entry) -> bool:
    return entry.bot is not None and entry.bot.enabled and entry.bot.public


def _draft(asked: NewLink | UpdateLink) -> LinkDraft:
    """Where a link is from is not for clients to say: what they were told comes back in what they change."""
    given = msgspec.structs.asdict(asked)
    if asked.metadata is not None:
        given["metadata"] = {key: value for key, value in asked.metadata.items() if key != ORIGIN}
    return LinkDraft(**{name: given[name] for name in LinkDraft.__struct_fields__})


def _fields(link: Link, chatbot_id: str) -> dict[str, Any]:
    same = {name: getattr(link, name) for name in LinkBody.__struct_fields__ if hasattr(link, name)}
    made = {} if link.origin == "api" else {ORIGIN: link.origin}
    return same | {
        "metadata": link.metadata | made,
        "chatbot_id": chatbot_id,
        "knowledge_base_id": link.base_id,
        "knowledge_base_name": link.base_name,
        "created_at": timestamp(link.created_at),
        "updated_at": timestamp(link.updated_at),
    }


def _body(link: Link, chatbot_id: str) -> LinkBody:
    return LinkBody(**_fields(link, chatbot_id))


def _linked(link: Link, entry: Entry) -> LinkedChatbot:
    bot = entry.bot or Bot(name=entry.name, namespace=entry.namespace)
    return LinkedChatbot(
        **_fields(link, entry.id),
        chatbot_name=bot.name,
        name=bot.name,
        namespace=bot.namespace,
        description=bot.description,
        model=bot.model or "",
        is_public=bot.public,
        source=entry.source,
    )
