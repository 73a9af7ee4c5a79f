"""Counting against limits, inside the transaction that admits or settles a turn."""

from __future__ import annotations

import apsw
import msgspec

from appliance.limits import RATE_WINDOW_S, Standing, utc_day


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What limits are counted for: one principal's use of one bot."""

    tenant: str
    namespace: str
    bot: str
    principal: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """In the order of the tables' keys."""
        return (self.tenant, self.namespace, self.bot, self.principal)


def standing(db: apsw.Connection, bucket: Bucket, turns: int, now: float) -> Standing:
    """What the bucket has used as of `now`."""
    in_window, oldest = db.execute(
        "SELECT count(*), min(at) FROM _recent_requests "
        "WHERE tenant = ? AND namespace = ? AND bot = ? AND principal = ? AND at > ?",
        (*bucket.key, now - RATE_WINDOW_S),
    ).get
    today = db.execute(
        "SELECT requests, tokens, reserved_tokens FROM _usage "
        "WHERE tenant = ? AND namespace = ? AND bot = ? AND principal = ? AND day = ?",
        (*bucket.key, utc_day(now)),
    ).fetchone()
    requests, tokens, reserved = today or (0, 0, 0)
    return Standing(
        in_window=in_window,
        oldest_in_window=oldest or 0.0,
        today=requests,
        tokens_today=tokens,
        tokens_reserved=reserved,
        turns=turns,
    )


def count_request(db: apsw.Connection, bucket: Bucket, reserved_tokens: int, now: float) -> None:
    """One admitted request, with the tokens that it may cost held back."""
    db.execute("DELETE FROM _recent_requests WHERE at <= ?", (now - RATE_WINDOW_S,))
    db.execute(
        "INSERT INTO _recent_requests (tenant, namespace, bot, principal, at) VALUES (?, ?, ?, ?, ?)",
        (*bucket.key, now),
    )
    db.execute(
        "INSERT INTO _usage (tenant, namespace, bot, principal, day, requests, reserved_tokens) "
        "VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET requests = requests + 1, "
        "reserved_tokens = reserved_tokens + excluded.reserved_tokens",
        (*bucket.key, utc_day(now), reserved_tokens),
    )


def settle_tokens(db: apsw.Connection, bucket: Bucket, day: int, *, reserved: int, spent: int) -> None:
    """Give back what the turn reserved on `day` and book what it really cost."""
    db.execute(
        "UPDATE _usage SET tokens = tokens + ?, reserved_tokens = max(0, reserved_tokens - ?) "
        "WHERE tenant = ? AND namespace = ? AND bot = ? AND principal = ? AND day = ?",
        (spent, reserved, *bucket.key, day),
    )
