"""Is a message a question by itself, or does it lean on the one before? Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
_POINTING = (
    "it its they them their theirs this that these those there he she him her his one ones same "
    "das dies diese dieser dieses dort ihn ihm ihnen deren dessen davon dafür "
    "cela ceci ça celui celle ceux ils elles leur lui eso esa ese esto esta este ellos ellas"
)
_LEANS = frozenset(_POINTING.split())
_BEGINS = re.compile(
    r"\s*(and|or|but|also|what about|how about|what if|why|then|so|und|oder|aber|auch|wie ist es|et|ou|mais|"
    r"y|o|pero|e se)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\s*(who|what|when|where|which|why|how|can|could|do|does|did|is|are|may|must|should|will|would|tell|show|"
    r"explain|find|list|describe|wer|was|wann|wo|welche\w*|warum|wie|kann|darf|gibt|qui|que|quand|où|quel\w*|"
    r"pourquoi|comment|combien|quién|qué|cuándo|dónde|cuál\w*|cómo|cuánt\w*)\b",
    re.IGNORECASE,
)
SHORT_WORDS = 4
BEGIN_WORDS_MAX = 12
"""So few words may be a question by themselves, or the rest of one."""
LOOK_BACK = 2
FOLDED_CHARS_MAX = 600


def asks(text: str) -> bool:
    """Does it want to know something? Thanks and greetings do not."""
    return any(sign in text for sign in "?？؟") or bool(_ASKS.match(text))  # noqa: RUF001 -- CJK's own


def leans(question: str) -> bool:
    """Does it point to something that was said before?"""
    words = [word.casefold() for word in _WORD.findall(question)]
    begins = len(words) <= BEGIN_WORDS_MAX and bool(_BEGINS.match(question))
    return begins or bool(_LEANS.intersection(words[:BEGIN_WORDS_MAX]))


def is_short(question: str) -> bool:
    """So short that it may be the rest of a question."""
    return len(_WORD.findall(question)) <= SHORT_WORDS


def folded(question: str, earlier: Sequence[str]) -> str:
    """The question with what it leans on: the user's last messages, oldest of `earlier` first."""
    told: list[str] = []
    for text in reversed(earlier[-LOOK_BACK:]):
        told.insert(0, text[:FOLDED_CHARS_MAX])
        if not leans(text):
            break
    return "\n".join([*told, question])
