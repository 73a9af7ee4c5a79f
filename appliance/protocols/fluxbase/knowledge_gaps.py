"""Ours: the questions that the documents did not answer, for those who write documents, of each tenant."""

from __future__ import annotations

from typing import Literal

from appliance.engine.knowledge import gaps
from appliance.errors import InvalidInput
from appliance.knowledge import Gap
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.fluxbase.knowledge_desk import Desk, for_admins
from appliance.protocols.fluxbase.rest import OFFSET_MAX, timestamp
from appliance.protocols.fluxbase.shapes_knowledge_links import GapBody, GapList, UpdateGap
from appliance.wire import Reply, Request

PATH = "/api/v1/admin/ai/knowledge-gaps"
PAGE = 50
PAGE_MAX = 200


async def list_gaps(desk: Desk, request: Request) -> Reply:
    """`GET /knowledge-gaps`: the most often asked first; the open ones, unless `status` says otherwise."""
    wanted = request.query.get("status") or "open"
    if wanted not in ("open", "closed", "all"):
        raise InvalidInput(f"status={wanted[:50]!r} must be open, closed or all.")
    status: Literal["open", "closed"] | None = None
    if wanted != "all":
        status = "closed" if wanted == "closed" else "open"
    found, total = await gaps.listed(
        desk.library,
        desk.caller,
        namespace=request.query.get("namespace") or None,
        bot=request.query.get("chatbot") or None,
        status=status,
        offset=request.whole_number("offset", 0, 0, OFFSET_MAX),
        limit=request.whole_number("limit", PAGE, 1, PAGE_MAX),
    )
    return Reply(body=GapList(gaps=[_body(gap) for gap in found], count=len(found), total=total))


async def update_gap(desk: Desk, request: Request) -> Reply:
    """`PATCH /knowledge-gaps/:id`: closed until it is asked again in vain."""
    move = gaps.close if request.json(UpdateGap).status == "closed" else gaps.reopen
    return Reply(body=_body(await move(desk.library, desk.caller, request.path["id"])))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=for_admins(list_gaps),
        summary="Questions that the documents did not answer",
        params=(
            Param(
                name="status",
                description="Only those that are open, closed, or all of them",
                schema={"type": "string", "enum": ["open", "closed", "all"], "default": "open"},
            ),
            Param(name="namespace", description="Only those to bots of this namespace"),
            Param(name="chatbot", description="Only those to the bot of this name"),
            Param(
                name="limit",
                description="How many to give",
                schema={"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE},
            ),
            Param(
                name="offset",
                description="How many to leave out",
                schema={"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0},
            ),
        ),
        answers={200: GapList},
        errors=(400,),
        access="admin",
    ),
    Endpoint(
        method="PATCH",
        path=f"{PATH}/<id>",
        handler=for_admins(update_gap),
        summary="Close such a question, or open it again",
        body=UpdateGap,
        answers={200: GapBody},
        errors=(404,),
        access="admin",
    ),
)


def _body(gap: Gap) -> GapBody:
    return GapBody(
        id=gap.id,
        namespace=gap.namespace,
        chatbot_name=gap.bot,
        question=gap.question,
        count=gap.count,
        reason=gap.reason,
        best=gap.best,
        conversation_id=gap.conversation_id or None,
        first_at=timestamp(gap.first_at),
        last_at=timestamp(gap.last_at),
        status=gap.status,
    )
