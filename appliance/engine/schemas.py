"""The schemas that prompts show, kept for a moment: asking the worker costs each turn milliseconds."""

from __future__ import annotations

from collections import OrderedDict

import msgspec
import trio

from appliance.schema import Schema
from appliance.sqlguard import SqlPolicy
from appliance.store import health
from appliance.store.store import Store
from appliance.tools.sql_pool import SqlPool

KEPT_S = 30.0
"""Changed structure is seen at once; sample values and numbers of rows may be so old."""
KEPT_MAX = 200


class _Kept(msgspec.Struct, frozen=True):
    schema: Schema
    version: int
    at: float


class Schemas:
    """One schema for each policy, as of the file's schema version."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    async def get(self, policy: SqlPolicy, store: Store, sql: SqlPool) -> Schema:
        """The tables that the policy allows; raises `StoreError` when the file cannot be read."""
        key = msgspec.json.encode(policy)
        version = store.read_now(health.schema_version)
        now = trio.current_time()
        kept = self._kept.get(key)
        if kept and kept.version == version and now - kept.at < KEPT_S:
            return kept.schema
        schema = await sql.schema(policy)
        self._kept[key] = _Kept(schema, version, now)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return schema
