"""What a turn reads before the model is asked: the best passages of the bot's knowledge bases (Fluxbase 6.7).

A failure here never fails the turn: the answer is then made without documents, and the log says why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
import trio

from appliance import followups
from appliance.bot import Bot
from appliance.engine.knowledge import searching
from appliance.engine.knowledge.access import viewer_of
from appliance.engine.knowledge.bases import of_link
from appliance.engine.knowledge.library import Library
from appliance.errors import ApplianceError
from appliance.fusion import without_doubles
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.knowledge import (
    EVERY_DOCUMENT,
    DocumentFilter,
    Found,
    KnowledgeBase,
    Link,
    Passage,
    SearchMode,
)
from appliance.messages import Source
from appliance.metadata_filter import Condition, MetadataFilter
from appliance.store.knowledge import links, retrievals

USER = "$user_id"
"""Stands for the caller's user id in a link's `filter_expression`."""
RETRIEVAL_S = 10.0
"""An embedder that is slow or away must not keep people waiting for an answer."""
UNSURE = 0.5
"""Below this similarity a short question is looked up again with the one before it."""

logger = logging.getLogger("appliance.engine")


class Served(msgspec.Struct, frozen=True):
    """A base that a bot answers from, and how."""

    link: Link
    base: KnowledgeBase


class Retrieved(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, best first; `mode` is how. `best` is the similarity of the nearest passage."""

    passages: list[Passage]
    mode: SearchMode = "keyword"
    best: float = 0.0


def served(library: Library, bot: Bot, caller: Caller) -> list[Served]:
    """The bases that the bot answers from when this caller asks, by priority."""
    found: list[Served] = []
    for link in library.store.read_now(links.of_bot, bot.namespace, bot.name):
        base = of_link(library, link) if link.enabled else None
        if base and base.enabled and base.tenant in (caller.tenant, DEFAULT_TENANT):
            found.append(Served(link, base))
    return sorted(found, key=lambda one: (one.link.priority, one.base.name))


async def retrieve(
    library: Library,
    bot: Bot,
    caller: Caller,
    all_served: Sequence[Served],
    question: str,
    earlier: Sequence[str],
    *,
    conversation_id: str = "",
    message_id: str = "",
) -> Retrieved | None:
    """The passages for a question; `earlier` are the user's messages before it, oldest first.

    None when it could not be looked up.
    """
    began = trio.current_time()
    try:
        with trio.fail_after(RETRIEVAL_S):
            query, found = await _look_up(library, caller, all_served, question, earlier)
    except trio.TooSlowError:
        logger.warning("retrieval for %s took longer than %g s and was left out", bot.name, RETRIEVAL_S)
        return None
    except ApplianceError as error:
        logger.warning("retrieval for %s failed: %s", bot.name, error.text)
        return None
    except Exception:
        logger.exception("retrieval for %s failed", bot.name)
        return None
    passages = found.passages[: bot.rag_max_chunks]
    await _record(
        library,
        bot,
        caller,
        retrievals.Retrieval(
            conversation_id=conversation_id,
            message_id=message_id,
            query=query,
            mode=found.mode,
            embedder=next((one.base.space.embedder for one in all_served if one.base.space), ""),
            found=[(passage.chunk_id, round(passage.similarity, 4)) for passage in passages],
            duration_ms=(trio.current_time() - began) * 1000,
        ),
    )
    best = max((passage.similarity for passage in found.passages), default=0.0)
    return Retrieved(passages=passages, mode=found.mode, best=best)


def numbered(passages: Sequence[Passage], first: int = 1) -> list[Source]:
    """Passages as what an answer can cite."""
    return [
        Source(
            number=number,
            document_id=passage.document_id,
            chunk_id=passage.chunk_id,
            title=passage.title,
            knowledge_base=passage.base_name,
            similarity=round(passage.similarity, 4),
            content=passage.content,
            start=passage.start,
            end=passage.end,
            page=passage.page,
            headings=passage.headings,
            url=passage.source_url,
            mime_type=passage.mime_type,
            private=passage.private,
        )
        for number, passage in enumerate(passages, first)
    ]


async def _look_up(
    library: Library, caller: Caller, all_served: Sequence[Served], question: str, earlier: Sequence[str]
) -> tuple[str, Found]:
    """The question by itself, or with what it leans on, whichever finds more."""
    found = await search_all(library, caller, all_served, question)
    leans = followups.leans(question)
    unsure = not found.passages or found.passages[0].similarity < UNSURE
    if not earlier or not (leans or (followups.is_short(question) and unsure)):
        return question, found
    query = followups.folded(question, earlier)
    wider = await search_all(library, caller, all_served, query)
    return (query, wider) if wider.passages and (leans or not found.passages) else (question, found)


async def search_all(
    library: Library,
    caller: Caller,
    all_served: Sequence[Served],
    text: str,
    *,
    limit: int | None = None,
    threshold: float | None = None,
    filter: DocumentFilter = EVERY_DOCUMENT,
    steered: bool = True,
) -> Found:
    """One search in all bases that are served, each as its link says; the best of all come first.

    With `steered` a base whose link has keywords is searched only for texts that have one of them.
    """
    results: list[tuple[Served, Found]] = []
    text_lower = text.casefold()
    for one in all_served:
        link = one.link
        wanted = link.intent_keywords if steered else []
        if wanted and not any(word.casefold() in text_lower for word in wanted):
            continue
        own = filter_of(link, caller)
        if own is None:
            continue
        found = await searching.search(
            library,
            [one.base],
            text=text,
            viewer=viewer_of(caller),
            limit=limit or link.max_chunks,
            threshold=link.similarity_threshold if threshold is None else threshold,
            filter=_both(filter, own),
        )
        if USER in link.filter_expression.values() and own is not EVERY_DOCUMENT:
            alone = [msgspec.structs.replace(passage, private=True) for passage in found.passages]
            found = msgspec.structs.replace(found, passages=alone)
        results.append((one, found))
    weighted = [
        (passage.similarity * one.link.context_weight, -one.link.priority, passage)
        for one, found in results
        for passage in found.passages
    ]
    if len(results) > 1:
        weighted.sort(key=lambda entry: entry[:2], reverse=True)
    modes = [found.mode for _, found in results]
    return Found(
        passages=without_doubles([passage for _, _, passage in weighted]),
        mode="hybrid" if "hybrid" in modes else "keyword",
    )


def filter_of(link: Link, caller: Caller) -> DocumentFilter | None:
    """What the link lets through; None when it is for users and there is none."""
    if link.access_level != "filtered" or not link.filter_expression:
        return EVERY_DOCUMENT
    values: dict[str, Any] = dict(link.filter_expression)
    if USER in values.values() and not caller.user_id:
        return None
    conditions = [
        Condition(key=key, value=caller.user_id if value == USER else value) for key, value in values.items()
    ]
    return DocumentFilter(metadata=MetadataFilter(conditions=conditions))


def _both(first: DocumentFilter, second: DocumentFilter) -> DocumentFilter:
    """What both let through."""
    trees = [tree for tree in (first.metadata, second.metadata) if tree is not None]
    metadata = MetadataFilter(groups=trees) if len(trees) > 1 else (trees[0] if trees else None)
    return DocumentFilter(
        tags=[*first.tags, *second.tags], metadata=metadata, documents=[*first.documents, *second.documents]
    )


async def _record(library: Library, bot: Bot, caller: Caller, retrieval: retrievals.Retrieval) -> None:
    """For administrators; a full disk must not keep people from the answer."""
    if bot.disable_execution_logs:
        return
    try:
        await library.store.write(
            retrievals.record,
            retrieval,
            tenant=caller.tenant,
            namespace=bot.namespace,
            bot=bot.name,
            user_id=caller.user_id,
            now=library.clock(),
        )
    except ApplianceError as error:
        logger.warning("a retrieval could not be written down: %s", error.text)
