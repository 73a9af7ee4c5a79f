"""The guarded connection on which rows are ordered by the nearness of a vector.

It has sqlite-vec's distances and one function that reads vectors written as JSON. The statements that use
them are ours (`nearest.py`); those that a model writes run on connections without them.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from array import array
from pathlib import Path
from typing import Any

import apsw
import msgspec

from appliance.sqlguard import FUNCTION, fold
from appliance.tools.sql_connection import GuardedConnection
from appliance.tools.sql_parameters import Parameter
from appliance.tools.vector_functions import COSINE, EUCLIDEAN, OF_JSON

_FUNCTIONS = frozenset({COSINE, EUCLIDEAN, OF_JSON})

_NUMBERS = msgspec.json.Decoder(list[float])


class VectorConnection(GuardedConnection):
    """A guarded connection that may compute distances, too."""

    def _after_build(self) -> None:
        self._db.enable_load_extension(True)
        try:
            self._db.load_extension(_library())
        finally:
            self._db.enable_load_extension(False)
        self._db.create_scalar_function(OF_JSON, of_json, 2, deterministic=True)

    def _may(
        self, action: int, first: str | None, second: str | None, schema: str | None, view: str | None
    ) -> bool:
        if action == FUNCTION and fold(second or "") in _FUNCTIONS:
            return True
        return super()._may(action, first, second, schema, view)


def values_for(vector: bytes) -> dict[str, Parameter]:
    """What a statement about a vector may name: `:vector` (little-endian float32), and what belongs to it.

    `:numbers` is how many it has, `:bytes` how many bytes, `:length` its Euclidean length, `:zero` a vector
    of zeros, and `:unfit` one to which every distance is NULL.
    """
    count = len(vector) // 4
    row = array("f")
    row.frombytes(vector)
    return {
        "vector": vector,
        "numbers": count,
        "bytes": len(vector),
        "length": math.hypot(*_native(row)),
        "zero": bytes(len(vector)),
        "unfit": _native(array("f", [math.nan] * count)).tobytes(),
    }


def of_json(*values: Any) -> bytes | None:
    """The vector that bytes of JSON hold; None for all that is not `count` numbers. Never raises."""
    text, count = values
    if not isinstance(text, bytes):
        return None
    try:
        numbers = _NUMBERS.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return _native(array("f", numbers)).tobytes() if len(numbers) == count else None


def _native(row: array[float]) -> array[float]:
    """From this machine's order of bytes to the little-endian one, or back."""
    if sys.byteorder == "big":
        row.byteswap()
    return row


def _library() -> str:
    """Where sqlite-vec's library is, without its suffix; the package itself is slow to import."""
    spec = importlib.util.find_spec("sqlite_vec")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise apsw.ExtensionLoadingError("the package sqlite-vec is missing")
    return str(Path(places[0]) / "vec0")
