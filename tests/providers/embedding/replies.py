"""Answers of embedding servers, and small things to make them of."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.providers.embedding.vectors import numbers
from tests.support.model_replies import Chunk, Reply

JSON = {"content-type": "application/json"}


def json_reply(body: Any, **more: Any) -> Reply:
    return Reply(headers=JSON, chunks=[Chunk(data=msgspec.json.encode(body))], **more)


def raw_reply(text: str, **more: Any) -> Reply:
    return Reply(headers=JSON, chunks=[Chunk(text=text)], **more)


def openai_vectors(*vectors: Sequence[float] | str) -> Reply:
    data = [
        {"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)
    ]
    return json_reply({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 3}})


def as_base64(*vector: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def one_hot(place: int, dimensions: int = 4) -> list[float]:
    return [float(place == other) for other in range(dimensions)]


def rounded(vectors: Sequence[bytes]) -> list[list[float]]:
    return [[round(number, 5) for number in numbers(vector)] for vector in vectors]


def cosine(one: bytes, other: bytes) -> float:
    return sum(a * b for a, b in zip(numbers(one), numbers(other), strict=True))
