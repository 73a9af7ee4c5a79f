"""Texts made fit to be sent, and cut into batches. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

TEXTS_MAX = 100
"""In one request (Fluxbase 6.4)."""
CHARACTERS_MAX = 200_000
"""In one request: OpenAI takes 300,000 tokens of all texts together, and a token is rarely less than one."""

_NOTHING = "-"
"""Stands for an empty text, which OpenAI refuses."""


def cleaned(text: str, characters_max: int) -> str:
    """A text that is never empty, is valid Unicode and no longer than that."""
    cut = text[:characters_max].encode("utf-8", "replace").decode()
    return cut if cut.strip() else _NOTHING


def batches(
    texts: Sequence[str], *, texts_max: int = TEXTS_MAX, characters_max: int = CHARACTERS_MAX
) -> Iterator[list[str]]:
    """In order; a text that is longer than a batch may be gets one of its own."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) >= texts_max or characters + len(text) > characters_max):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def parts(text: str, characters_max: int) -> list[str]:
    """The whole text in pieces no longer than that and about equally long, cut between words."""
    found: list[str] = []
    while len(text) > characters_max:
        even = -(-len(text) // -(-len(text) // characters_max))
        end = text.rfind(" ", even // 2, even) + 1 or even
        found.append(text[:end])
        text = text[end:]
    return [*found, text]
