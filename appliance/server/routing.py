"""Which endpoint a path means.

Works on the path as it was sent, so that an encoded slash stays within its segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

import msgspec

from appliance.protocols.base import Endpoint


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint of a request and the path's variables.

    Without an endpoint, the methods that there would be.
    """

    endpoint: Endpoint | None = None
    path: dict[str, str] = {}
    methods: tuple[str, ...] = ()


class Router:
    """Finds endpoints by method and raw path.

    Fixed segments win over variables; one slash at the end is no matter.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._patterns = [(_segments(endpoint.path), endpoint) for endpoint in endpoints]
        self._patterns.sort(key=lambda one: [segment.startswith("<") for segment in one[0]])

    def find(self, method: str, raw_path: str) -> Found:
        """`raw_path` is percent-encoded and without the query."""
        segments = _segments(raw_path)
        methods: list[str] = []
        for pattern, endpoint in self._patterns:
            path = _match(pattern, segments)
            if path is None:
                continue
            if endpoint.method == method:
                return Found(endpoint=endpoint, path=path)
            methods.append(endpoint.method)
        return Found(methods=tuple(dict.fromkeys(methods)))


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").removesuffix("/").split("/")


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    """The variables, decoded; None when the path is another."""
    path: dict[str, str] = {}
    extra = len(segments) - len(pattern)
    at = 0
    for part in pattern:
        if part.startswith("<*"):
            if extra < 0:
                return None
            path[part[2:-1]] = "/".join(map(_decoded, segments[at : at + extra + 1]))
            at += extra + 1
            continue
        if at >= len(segments):
            return None
        segment = segments[at]
        if part.startswith("<"):
            if not segment:
                return None
            path[part[1:-1]] = _decoded(segment)
        elif part != segment:
            return None
        at += 1
    return path if at == len(segments) else None


def _decoded(segment: str) -> str:
    """Bytes that are no UTF-8 become the replacement character, which no id has."""
    return unquote(segment, errors="replace")
