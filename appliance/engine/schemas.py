"""The schemas that prompts show, kept for a moment with an index of their words: both cost milliseconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import msgspec
import trio

from appliance.schema import Schema, with_notes
from appliance.schema_index import SchemaIndex
from appliance.sqlguard import SqlPolicy
from appliance.store import health
from appliance.store.store import Store
from appliance.tools.sql_pool import SqlPool

KEPT_S = 30.0
"""Changed structure is seen at once; sample values and numbers of rows may be so old."""
KEPT_MAX = 200


class Known(msgspec.Struct, frozen=True):
    """What is known of the tables that a policy allows: the notes of people are in it already."""

    schema: Schema
    index: SchemaIndex


class _Kept(msgspec.Struct, frozen=True):
    known: Known
    version: int
    at: float


class Schemas:
    """One for each policy and its notes, as of the file's schema version."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    async def get(
        self, policy: SqlPolicy, notes: Sequence[Mapping[str, str]], store: Store, sql: SqlPool
    ) -> Known:
        """The tables that the policy allows, with `notes`, of which later ones go first.

        Raises `StoreError` when the file cannot be read.
        """
        # Which rows somebody sees changes nothing here: tables with row rules show no values.
        policy = msgspec.structs.replace(policy, tenant="", user_id="", role="", claims={})
        key = msgspec.json.encode((policy, notes))
        version = store.read_now(health.schema_version)
        now = trio.current_time()
        kept = self._kept.get(key)
        if kept and kept.version == version and now - kept.at < KEPT_S:
            return kept.known
        schema = await sql.schema(policy)
        for layer in notes:
            schema = with_notes(schema, layer)
        known = Known(schema, SchemaIndex(schema))
        self._kept[key] = _Kept(known, version, now)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return known
