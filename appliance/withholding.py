"""What others may not read of a conversation that was one person's alone, when they come to take part in it.

Passages of a person's own documents go to that person only. So before somebody joins, those that were found
so far are taken out, and all that tools told of documents: it does not say whose they were.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from appliance.events import Event, SourcesFound, ToolFinished
from appliance.messages import Part, Source, SourcesPart, ToolResult, ToolResultPart

DOCUMENT_TOOLS = frozenset(
    {"search_vectors", "query_knowledge_graph", "find_related_entities", "browse_knowledge_graph"}
)
TITLE = "A document of one person"
RESULT = "(This was looked up before others took part in the conversation, and is not shown to them.)"

E = TypeVar("E", bound=Event)


def source(found: Source) -> Source:
    """That there was a passage, and its number; a private one's document and words are left out."""
    if not found.private:
        return found
    return Source(
        number=found.number,
        document_id="",
        chunk_id="",
        title=TITLE,
        knowledge_base=found.knowledge_base,
        similarity=0.0,
        content="",
        private=True,
    )


def event(told: E) -> E:
    """An event as others may read it; it takes the same position."""
    match told:
        case SourcesFound(sources=sources):
            return msgspec.structs.replace(told, sources=[*map(source, sources)])
        case ToolFinished(result=result):
            return msgspec.structs.replace(told, result=_result(result))
        case _:
            return told


def part(kept: Part) -> Part:
    """A part of a stored answer as others may read it."""
    match kept:
        case SourcesPart(sources=sources):
            return msgspec.structs.replace(kept, sources=[*map(source, sources)])
        case ToolResultPart(result=result):
            return msgspec.structs.replace(kept, result=_result(result))
        case _:
            return kept


def _result(result: ToolResult) -> ToolResult:
    if result.name not in DOCUMENT_TOOLS:
        return result
    return msgspec.structs.replace(result, content=RESULT)
