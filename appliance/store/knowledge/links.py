"""Which bots answer from which knowledge bases.

A link that was taken away although the bot's file still names the base stays as `removed`, where nobody sees
it, until the file names it no more.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.knowledge import Link

_WRITTEN = (
    "id", "namespace", "bot", "access_level", "filter_expression", "context_weight", "priority",
    "intent_keywords", "max_chunks", "similarity_threshold", "enabled", "metadata", "origin", "created_at",
    "updated_at",
)  # fmt: skip
_JSON = ("filter_expression", "intent_keywords", "metadata")
_FROM = (
    f"SELECT {', '.join(f'l.{name}' for name in _WRITTEN)}, b.id, b.name, l.removed FROM _bot_knowledge l "  # noqa: S608
    "JOIN _knowledge_bases b ON b.number = l.base "
)


def of_bot(db: apsw.Connection, namespace: str, bot: str) -> list[Link]:
    """Those of a bot, by priority, then by name of the base."""
    where = "WHERE l.namespace = ? AND l.bot = ? AND NOT l.removed ORDER BY l.priority, b.name, b.number"
    return [link for link, _ in _many(db, where, (namespace, bot))]


def of_base(db: apsw.Connection, base: int) -> list[Link]:
    """Those to a base, by bot."""
    where = "WHERE l.base = ? AND NOT l.removed ORDER BY l.namespace, l.bot"
    return [link for link, _ in _many(db, where, (base,))]


def every(db: apsw.Connection) -> list[tuple[Link, bool]]:
    """All of them, and whether each is removed."""
    return _many(db, "ORDER BY l.namespace, l.bot, b.number", ())


def get(db: apsw.Connection, namespace: str, bot: str, base: int) -> tuple[Link, bool] | None:
    """The link of a bot to a base, and whether it is removed."""
    found = _many(db, "WHERE l.namespace = ? AND l.bot = ? AND l.base = ?", (namespace, bot, base))
    return found[0] if found else None


def put(db: apsw.Connection, base: int, link: Link, *, removed: bool = False) -> None:
    """Store it in place of what links the two."""
    columns = {name: getattr(link, name) for name in _WRITTEN}
    columns |= {name: msgspec.json.encode(columns[name]) for name in _JSON}
    db.execute(
        f"INSERT OR REPLACE INTO _bot_knowledge ({', '.join(_WRITTEN)}, base, removed) "  # noqa: S608 - ours
        f"VALUES ({', '.join('?' * len(_WRITTEN))}, ?, ?)",
        (*columns.values(), base, removed),
    )


def remove(db: apsw.Connection, namespace: str, bot: str, base_id: str) -> None:
    """Delete it."""
    db.execute(
        "DELETE FROM _bot_knowledge WHERE namespace = ? AND bot = ? "
        "AND base = (SELECT number FROM _knowledge_bases WHERE id = ?)",
        (namespace, bot, base_id),
    )


def _many(db: apsw.Connection, rest: str, bindings: tuple[Any, ...]) -> list[tuple[Link, bool]]:
    return [_link(*row) for row in db.execute(_FROM + rest, bindings)]


def _link(*row: Any) -> tuple[Link, bool]:
    *values, base_id, base_name, removed = row
    columns = dict(zip(_WRITTEN, values, strict=True))
    columns |= {name: msgspec.json.decode(columns[name]) for name in _JSON}
    columns["enabled"] = bool(columns["enabled"])
    return Link(**columns, base_id=base_id, base_name=base_name), bool(removed)
