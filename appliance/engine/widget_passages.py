"""What a turn reads in the files of its conversation: what has the question's words, or a beginning."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import apsw
import msgspec

from appliance import followups, fusion, searchtext
from appliance.engine.knowledge.library import Library
from appliance.errors import ApplianceError
from appliance.knowledge import Passage
from appliance.searchtext import Term
from appliance.store import widget_files
from appliance.store.widget_files import AttachedFile, AttachedPassage

PASSAGES_MAX = 6
CANDIDATES = 40
COVERED_ENOUGH = 0.2
"""Of the question's words: whoever attaches a file asks about it, so less is wanted than of documents."""
OPENING_SIMILARITY = 0.5
"""Of the beginning of a file that was asked about as a whole."""
_FILE_WORDS = re.compile(
    r"\b(files?|documents?|attach(ed|ment)s?|pdf|uploads?|uploaded|datei(en)?|dokumente?|anhang|angehängt\w*|"
    r"fichiers?|pièces? jointes?|archivos?|documentos?|adjunt\w+|allegat\w+|documenti|bestand(en)?|"
    r"bijlage\w*|anexos?|ficheiros?)\b|ملف|مستند|مرفق",
    re.IGNORECASE,
)

logger = logging.getLogger("appliance.engine")


def files_of(library: Library, conversation_id: str) -> list[AttachedFile]:
    """The files of a conversation; none when they cannot be read, which fails no answer."""
    try:
        return library.store.read_now(widget_files.listed, conversation_id)
    except ApplianceError as error:
        logger.warning("the files of a conversation could not be listed: %s", error.text)
        return []


async def find(
    library: Library,
    files: Sequence[AttachedFile],
    question: str,
    earlier: Sequence[str],
    mentioned: Sequence[str],
) -> list[Passage]:
    """The passages for a question, best first; `mentioned` are the files that came with it.

    Where the words say nothing, but a file is meant, its beginning.
    """
    text = followups.folded(question, earlier) if earlier and followups.leans(question) else question
    asked = searchtext.question(text)
    terms = asked.terms or asked.weak
    named = [file for file in files if file.id in mentioned]
    try:
        found: list[AttachedPassage] = await library.store.read(_search, files, named, terms)
        passages = _scored(found, terms)
        if not passages and _is_about_a_file(question, files, named):
            opening = await library.store.read(widget_files.opening, (named or list(files))[-1], PASSAGES_MAX)
            passages = [_passage(one, OPENING_SIMILARITY) for one in opening]
    except ApplianceError as error:
        logger.warning("the files of a conversation could not be searched: %s", error.text)
        return []
    return passages[:PASSAGES_MAX]


def _search(
    db: apsw.Connection, files: Sequence[AttachedFile], named: Sequence[AttachedFile], terms: Sequence[Term]
) -> list[AttachedPassage]:
    """What was sent with the question comes first; the others fill up."""
    first = widget_files.search(db, named, terms, CANDIDATES)
    return [*first, *widget_files.search(db, [one for one in files if one not in named], terms, CANDIDATES)]


def _scored(found: Sequence[AttachedPassage], terms: Sequence[Term]) -> list[Passage]:
    """Those that have enough of the words, by how many of them; what scores alike stays in its order."""
    rarity = dict.fromkeys(terms, 1.0)
    scored = [
        _passage(one, fusion.coverage(rarity, "\n".join([*one.headings, one.content]))) for one in found
    ]
    good = [one for one in scored if one.similarity >= COVERED_ENOUGH]
    return fusion.without_doubles(sorted(good, key=lambda one: -one.similarity))


def _is_about_a_file(question: str, files: Sequence[AttachedFile], named: Sequence[AttachedFile]) -> bool:
    lower = question.casefold()
    return (
        bool(named)
        or followups.leans(question)
        or bool(_FILE_WORDS.search(question))
        or any(stem in lower for file in files if len(stem := file.name.rpartition(".")[0].casefold()) > 2)
    )


def _passage(one: AttachedPassage, similarity: float) -> Passage:
    return Passage(
        chunk=-one.number,
        chunk_id=f"{one.file.id}:{one.position}",
        document_id=one.file.id,
        base_id="",
        base_name="",
        title=one.file.name,
        content=one.content,
        start=one.start,
        end=one.end,
        chunk_index=one.position,
        page=one.page,
        headings=one.headings,
        mime_type=one.file.mime_type,
        private=True,
        similarity=min(1.0, similarity),
    )


def sent_with(metadata: dict[str, object]) -> list[str]:
    """The ids of files that a message says it was sent with (`files` in its metadata)."""
    try:
        return msgspec.convert(metadata.get("files") or [], list[str])
    except msgspec.ValidationError:
        return []
