"""Fluxbase's endpoints for administrators of bots (3.1, 3.3). Bots serve all tenants: operators only."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.bot import Bot
from appliance.botoverrides import HOUR_S, BotOverrides
from appliance.engine import bot_file_sync, bot_sync
from appliance.engine.bot_entries import Entry
from appliance.engine.bot_sync import BotDraft, Outcome
from appliance.engine.bots import Bots
from appliance.engine.engine import Engine
from appliance.engine.knowledge import links
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.fluxbase.admins import check_keeper, check_syncer
from appliance.protocols.fluxbase.rest import timestamp
from appliance.protocols.fluxbase.shapes_bots import (
    Chatbot,
    ChatbotDeleted,
    ChatbotList,
    ChatbotSummary,
    Sync,
    SyncChatbot,
    SyncDetails,
    SyncError,
    SyncResult,
    SyncSummary,
    SyncWarning,
    Toggle,
    UpdateChatbot,
)
from appliance.wire import Reply, Request

PATH = "/api/v1/admin/ai/chatbots"


async def list_chatbots(engine: Engine, request: Request) -> Reply:
    """`GET /chatbots?namespace=`: also disabled ones, and those whose file is bad."""
    entries = _bots(engine, request).all(request.query.get("namespace") or None)
    return Reply(body=ChatbotList(chatbots=[_summary(entry) for entry in entries], count=len(entries)))


async def get_chatbot(engine: Engine, request: Request) -> Reply:
    """`GET /chatbots/:id`."""
    bots = _bots(engine, request)
    return await _chatbot(bots, bots.get(request.path["id"]))


async def toggle_chatbot(engine: Engine, request: Request) -> Reply:
    """`PUT` and `POST /chatbots/:id/toggle`: the SDKs send the one, the newest server knows the other."""
    bots = _bots(engine, request)
    choice = BotOverrides(enabled=request.json(Toggle).enabled)
    entry = await bots.update(request.path["id"], choice, request.caller, action="bot.toggle")
    return await _chatbot(bots, entry)


async def update_chatbot(engine: Engine, request: Request) -> Reply:
    """`PUT /chatbots/:id`: what is given goes before what the bot's file or code says, from now on."""
    bots = _bots(engine, request)
    asked = msgspec.structs.asdict(request.json(UpdateChatbot))
    entry = await bots.update(request.path["id"], BotOverrides(**asked), request.caller)
    return await _chatbot(bots, entry)


async def delete_chatbot(engine: Engine, request: Request) -> Reply:
    """`DELETE /chatbots/:id`, with the conversations that people had with it."""
    await _bots(engine, request).delete(request.path["id"], request.caller, engine.chats.stop_deleted)
    return Reply(body=ChatbotDeleted(deleted=True, id=request.path["id"]))


async def sync(engine: Engine, request: Request) -> Reply:
    """`POST /chatbots/sync`: the bots of the body, or without any the folder of files."""
    check_syncer(request.caller)
    bots = _bots(engine, request)
    bot_sync.check_address(bots, request.caller)
    asked = request.json(Sync)
    namespace, caller = asked.namespace or "", request.caller
    wanted = asked.options
    options = {
        "delete_missing": bool(wanted and wanted.delete_missing),
        "dry_run": bool(wanted and wanted.dry_run),
    }
    if asked.chatbots:
        drafts = [_draft(bot) for bot in asked.chatbots]
        outcome = await bot_sync.sync_payload(
            bots, namespace, drafts, caller, engine.chats.stop_deleted, **options
        )
    else:
        outcome = await bot_file_sync.sync_files(
            bots, namespace, caller, engine.chats.stop_deleted, **options
        )
    await _link(engine, outcome)
    return Reply(body=_result(outcome))


async def _link(engine: Engine, outcome: Outcome) -> None:
    """The links that the bots ask for are there before the answer is (6.6); warn of bases that are not."""
    library = engine.services.library
    assert library is not None, "the server makes it"
    for key, bot in outcome.bots.items():
        outcome.warn(key, links.missing(library, bot))
    if not outcome.dry_run:
        await links.follow_annotations(library, [one.bot for one in engine.catalogue.all() if one.bot])


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_chatbots,
        summary="All bots, also disabled ones and those whose file is bad",
        params=(Param(name="namespace", description="Only those of this namespace"),),
        answers={200: ChatbotList},
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/sync",
        handler=sync,
        summary="Make, change and delete bots as the body says; without any, read the folder of files",
        body=Sync,
        body_required=False,
        answers={200: SyncResult},
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<id>",
        handler=get_chatbot,
        summary="One bot with its code",
        answers={200: Chatbot},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/<id>",
        handler=update_chatbot,
        summary="Choose settings of a bot, which go before what its file or code says",
        body=UpdateChatbot,
        answers={200: Chatbot},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>",
        handler=delete_chatbot,
        summary="Delete a bot with all conversations with it",
        answers={200: ChatbotDeleted},
        errors=(404,),
        access="admin",
    ),
    *(
        Endpoint(
            method=method,
            path=f"{PATH}/<id>/toggle",
            handler=toggle_chatbot,
            summary="Enable or disable a bot",
            body=Toggle,
            answers={200: Chatbot},
            errors=(404,),
            access="admin",
        )
        for method in ("PUT", "POST")
    ),
)


def _bots(engine: Engine, request: Request) -> Bots:
    """The bots, for a caller who may keep them."""
    check_keeper(request.caller)
    bots = engine.services.bots
    assert bots is not None, "the server makes them"
    return bots


def _draft(asked: SyncChatbot) -> BotDraft:
    fields = msgspec.structs.asdict(asked)
    given = {name: value for name, value in fields.items() if name in BotOverrides.__struct_fields__}
    return BotDraft(
        name=asked.name,
        code=asked.code,
        original_code=asked.original_code,
        is_bundled=bool(asked.is_pre_bundled),
        given=BotOverrides(**given),
    )


def _result(outcome: Outcome) -> SyncResult:
    details = SyncDetails(
        created=[name for _, name in outcome.created],
        updated=[name for _, name in outcome.updated],
        deleted=[name for _, name in outcome.deleted],
        unchanged=[name for _, name in outcome.unchanged],
    )
    counts = {kind: len(names) for kind, names in msgspec.structs.asdict(details).items()}
    summary = SyncSummary(**counts, errors=len(outcome.errors))
    did = "Dry run: nothing was changed" if outcome.dry_run else "Bots were synced"
    told = ", ".join(f"{count} {kind}" for kind, count in msgspec.structs.asdict(summary).items())
    return SyncResult(
        message=f"{did}: {told}.",
        namespace=outcome.namespace,
        summary=summary,
        details=details,
        errors=[SyncError(**msgspec.structs.asdict(one)) for one in outcome.errors],
        warnings=[SyncWarning(**msgspec.structs.asdict(one)) for one in outcome.warnings],
        dry_run=outcome.dry_run,
    )


def _bot_of(entry: Entry) -> Bot:
    """The bot; of a file that has never been good what there would be, and disabled."""
    return entry.bot or Bot(name=entry.name, namespace=entry.namespace, enabled=False)


def _summary(entry: Entry) -> ChatbotSummary:
    bot = _bot_of(entry)
    return ChatbotSummary(
        id=entry.id,
        name=bot.name,
        namespace=bot.namespace,
        description=bot.description,
        model=bot.model or "",
        enabled=bot.enabled,
        is_public=bot.public,
        allowed_tables=bot.allowed_tables,
        allowed_operations=bot.allowed_operations,
        allowed_schemas=bot.allowed_schemas,
        suggestions=bot.suggestions,
        version=bot.version,
        source=entry.source,
        created_at=timestamp(entry.created_at),
        updated_at=timestamp(entry.updated_at),
        errors=entry.errors,
        warnings=entry.warnings,
    )


async def _chatbot(bots: Bots, entry: Entry) -> Reply:
    bot, code, stored = _bot_of(entry), await bots.code(entry), entry.stored
    same = {name: getattr(bot, name) for name in Chatbot.__struct_fields__ if hasattr(bot, name)}
    other: dict[str, Any] = {
        "id": entry.id,
        "code": code,
        "original_code": code if stored is None or stored.original_code is None else stored.original_code,
        "is_bundled": stored is not None and stored.is_bundled,
        "bundle_error": "; ".join(entry.errors) or None,
        "provider_id": bot.provider,
        "conversation_ttl_hours": _plain(bot.conversation_ttl_s / HOUR_S),
        "max_conversation_turns": bot.max_turns,
        "is_public": bot.public,
        "max_tool_iterations": bot.max_iterations,
        "source": entry.source,
        "created_by": stored.created_by if stored is not None else None,
        "created_at": timestamp(entry.created_at),
        "updated_at": timestamp(entry.updated_at),
        "errors": entry.errors,
        "warnings": entry.warnings,
    }
    return Reply(body=Chatbot(**(same | other)))


def _plain(number: float) -> float:
    """A whole number is written as one: some clients read no other."""
    return int(number) if number.is_integer() else number
