"""Questions that the documents did not answer, for administrators to see what is missing.

A gap is closed by hand only: that a question was answered once does not say that it always will be.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from typing import Literal

from appliance.bot import Bot
from appliance.engine.knowledge import checking
from appliance.engine.knowledge.library import Library
from appliance.errors import NotFound
from appliance.identity import Caller, require_admin
from appliance.knowledge import Gap
from appliance.store.knowledge import gaps as stored

QUESTION_CHARS_MAX = 500
PAGE_MAX = 500

_WORD = re.compile(r"[^\W_]+")


async def note(
    library: Library,
    caller: Caller,
    bot: Bot,
    conversation_id: str,
    question: str,
    reason: Literal["nothing", "uncited"],
    best: float = 0.0,
) -> Gap | None:
    """Count a question that was not answered; `best` is the similarity of the nearest passage.

    The same words in the same order are the same question. None for one without words.
    """
    words = normalised(question)
    if not words:
        return None
    now = library.clock()
    gap = Gap(
        id=str(uuid.uuid4()),
        namespace=bot.namespace,
        bot=bot.name,
        question=checking.one_line(question[: 4 * QUESTION_CHARS_MAX].replace("\0", " "), QUESTION_CHARS_MAX),
        count=1,
        reason=reason,
        best=best,
        conversation_id=conversation_id,
        first_at=now,
        last_at=now,
    )
    return await library.store.write(stored.note, caller.tenant, words, gap, caller.owner)


async def listed(
    library: Library,
    caller: Caller,
    *,
    namespace: str | None = None,
    bot: str | None = None,
    status: Literal["open", "closed"] | None = None,
    offset: int = 0,
    limit: int = 100,
) -> tuple[list[Gap], int]:
    """Those of the caller's tenant, the most frequent first, and how many there are.

    Raises `AuthRequired`, `Forbidden` for all but administrators, `InvalidInput`.
    """
    require_admin(caller)
    checking.between(offset, 0, 2**53, "offset")
    checking.between(limit, 1, PAGE_MAX, "limit")
    return await library.store.read(
        stored.listed,
        caller.tenant,
        namespace=namespace,
        bot=bot,
        status=status,
        offset=offset,
        limit=limit,
    )


async def close(library: Library, caller: Caller, id: str) -> Gap:
    """Something was done about it; when it is asked again in vain it is open again.

    Raises `AuthRequired`, `Forbidden`, `NotFound`.
    """
    return await _set(library, caller, id, "closed")


async def reopen(library: Library, caller: Caller, id: str) -> Gap:
    """It was closed by mistake; raises as `close`."""
    return await _set(library, caller, id, "open")


def normalised(question: str) -> str:
    """A question without case, punctuation and ways to write the same sign."""
    text = unicodedata.normalize("NFKC", question[: 4 * QUESTION_CHARS_MAX]).casefold()
    return " ".join(_WORD.findall(text))[:QUESTION_CHARS_MAX].encode("utf-8", "replace").decode()


async def _set(library: Library, caller: Caller, id: str, status: str) -> Gap:
    require_admin(caller)
    gap = await library.store.write(stored.set_status, caller.tenant, id, status) if id.isascii() else None
    if gap is None:
        raise NotFound("There is no such question.")
    return gap
