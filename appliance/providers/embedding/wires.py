"""The embedding wires of OpenAI (also Azure's and that of most model servers) and of Ollama. Pure.

Bodies out, answers in (protocols/fluxbase.md 6.4). An answer's numbers are checked in `vectors`; here only
its form is: no texts or lists where numbers belong, one vector per text, each at its own place.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from appliance.providers.embedding.vectors import BadVectors, Vector

_T = TypeVar("_T")


class _Item(msgspec.Struct, frozen=True):
    embedding: list[float] | str
    index: int | None = None


class _OpenAIAnswer(msgspec.Struct, frozen=True):
    data: list[_Item]


class _OllamaAnswer(msgspec.Struct, frozen=True):
    embeddings: list[list[float]]


class _OldOllamaAnswer(msgspec.Struct, frozen=True):
    embedding: list[float]


def openai_body(texts: Sequence[str], model: str, *, compact: bool) -> dict[str, Any]:
    """`model` empty leaves it out: a deployment is one. `compact` asks for base64: a quarter of the bytes."""
    body: dict[str, Any] = {"input": list(texts)}
    if model:
        body = {"model": model, **body}
    return body | {"encoding_format": "base64"} if compact else body


def read_openai(data: bytes, count: int) -> list[Vector]:
    """In the order of the texts, which the answer need not keep; raises `BadVectors`."""
    items = _decoded(data, _OpenAIAnswer).data
    if len(items) != count:
        raise BadVectors(f"{len(items)} vectors for {count} texts")
    places = [item.index for item in items]
    if all(place is None for place in places):
        return [_vector(item) for item in items]
    if sorted(-1 if place is None else place for place in places) != list(range(count)):
        raise BadVectors("vectors whose places are not those of the texts")
    in_order = sorted(items, key=lambda item: item.index or 0)
    return [_vector(item) for item in in_order]


def ollama_body(texts: Sequence[str], model: str) -> dict[str, Any]:
    """For `/api/embed`; what is too long for the model is cut there."""
    return {"model": model, "input": list(texts), "truncate": True}


def read_ollama(data: bytes, count: int) -> list[Vector]:
    """Raises `BadVectors`."""
    found = _decoded(data, _OllamaAnswer).embeddings
    if len(found) != count:
        raise BadVectors(f"{len(found)} vectors for {count} texts")
    return list(found)


def old_ollama_body(text: str, model: str) -> dict[str, Any]:
    """For `/api/embeddings`, which takes one text."""
    return {"model": model, "prompt": text}


def read_old_ollama(data: bytes) -> Vector:
    """Raises `BadVectors`."""
    return _decoded(data, _OldOllamaAnswer).embedding


def _decoded(data: bytes, type: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=type)
    except msgspec.ValidationError as error:
        raise BadVectors(f"an answer that is not of the expected form: {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadVectors(f"an answer that is not JSON: {error}") from None


def _vector(item: _Item) -> Vector:
    if not isinstance(item.embedding, str):
        return item.embedding
    try:
        return base64.b64decode(item.embedding, validate=True)
    except (binascii.Error, ValueError):
        raise BadVectors("a text that is no vector") from None
