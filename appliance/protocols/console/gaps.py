"""Questions that the documents did not answer: put aside, or answered with a document and a test."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.engine import console_gaps
from appliance.engine.bot_entries import bot_id
from appliance.engine.console_bots import bot_title
from appliance.engine.engine import Engine
from appliance.errors import InvalidInput
from appliance.gapgroups import GapGroup, Status
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.console.access import operator
from appliance.protocols.console.pages import AFTER, LIMIT, LIMIT_MAX, after_of, limit_param, next_of
from appliance.wire import Reply, Request

PATH = "/admin/api/gaps"
STATUSES = ("open", "answered", "dismissed", "all")


class GapItem(msgspec.Struct, frozen=True, kw_only=True):
    """A question, with other ways to put it; `document_id` is the answer that somebody wrote."""

    id: str
    question: str
    bot: str
    bot_title: str
    namespace: str
    bot_id: str
    count: int
    first_at: float
    last_at: float
    examples: list[str]
    status: Status
    reason: str
    conversation_id: str | None
    document_id: str | None


class GapItems(msgspec.Struct, frozen=True, kw_only=True):
    """The most often asked first."""

    items: list[GapItem]
    total: int
    next: str | None


class GapChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a question."""

    status: Literal["open", "answered", "dismissed"]


class GapAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, in Markdown. Without a `title` the question is it; without a base the bot's own is used."""

    content: str
    title: str = ""
    knowledge_base: str | None = None
    add_test: bool = True


class GapAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """What was made; `test_id` is null where no test was wanted, or there are too many."""

    document_id: str
    knowledge_base_id: str
    test_id: str | None


@operator
async def list_gaps(engine: Engine, request: Request) -> Reply:
    """`GET /gaps?status=`: the open ones, unless `status` says otherwise."""
    offset, status = after_of(request), _status(request)
    limit = request.whole_number("limit", LIMIT, 1, LIMIT_MAX)
    found, total = await console_gaps.listed(
        engine, request.caller.tenant, status, offset=offset, limit=limit
    )
    items = [_item(engine, group) for group in found]
    return Reply(body=GapItems(items=items, total=total, next=next_of(offset, items, total)))


@operator
async def update_gap(engine: Engine, request: Request) -> Reply:
    """`PATCH /gaps/<id>`: closed until it is asked again in vain."""
    status = request.json(GapChange).status
    return Reply(
        body=_item(engine, await console_gaps.set_status(engine, request.caller, request.path["id"], status))
    )


@operator
async def answer_gap(engine: Engine, request: Request) -> Reply:
    """`POST /gaps/<id>/answer`: 201; the document can be found as soon as it was read in."""
    asked = request.json(GapAnswer)
    made = await console_gaps.answer(
        engine,
        request.caller,
        request.path["id"],
        title=asked.title,
        content=asked.content,
        base_id=asked.knowledge_base or "",
        add_test=asked.add_test,
    )
    told = GapAnswered(document_id=made.document.id, knowledge_base_id=made.base_id, test_id=made.test_id)
    return Reply(status=201, body=told)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_gaps,
        summary="Questions that the documents did not answer, the same ones together",
        params=(
            Param(
                name="status",
                description="Only those of this status",
                schema={"type": "string", "enum": [*STATUSES], "default": "open"},
            ),
            limit_param(),
            AFTER,
        ),
        answers={200: GapItems},
        errors=(400,),
        access="operator",
    ),
    Endpoint(
        method="PATCH",
        path=f"{PATH}/<id>",
        handler=update_gap,
        summary="Put such a question aside, or open it again",
        body=GapChange,
        answers={200: GapItem},
        errors=(404,),
        access="operator",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/<id>/answer",
        handler=answer_gap,
        summary="Write the answer: a document for the bot, and a test that it cites it",
        body=GapAnswer,
        answers={201: GapAnswered},
        errors=(400, 404, 409),
        access="operator",
    ),
)


def _status(request: Request) -> Status | None:
    match request.query.get("status") or "open":
        case "open":
            return "open"
        case "answered":
            return "answered"
        case "dismissed":
            return "dismissed"
        case "all":
            return None
        case other:
            raise InvalidInput(f"status={other[:50]!r} must be open, answered, dismissed or all.")


def _item(engine: Engine, group: GapGroup) -> GapItem:
    first = group.gaps[0]
    return GapItem(
        id=group.id,
        question=first.question,
        bot=first.bot,
        bot_title=bot_title(engine, first.namespace, first.bot),
        namespace=first.namespace,
        bot_id=bot_id(first.namespace, first.bot),
        count=group.count,
        first_at=min(gap.first_at for gap in group.gaps),
        last_at=group.last_at,
        examples=group.examples,
        status=group.status,
        reason=first.reason,
        conversation_id=first.conversation_id or None,
        document_id=next((gap.document_id for gap in group.gaps if gap.document_id), None),
    )
