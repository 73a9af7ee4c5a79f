"""The limits of one (bot, principal): a pure decision over figures that the store counted.

A request counts when it is admitted. Tokens of admitted turns that still run are counted as reserved, so
that parallel turns cannot overspend a budget together; a running turn is never cut by the day's limits.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from appliance.bot import Bot
from appliance.errors import LimitReached

RATE_WINDOW_S = 60.0
DAY_S = 86_400


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds, 0 for none: requests in 60 s and per UTC day, tokens per UTC day, user messages."""

    per_minute: int = 0
    per_day: int = 0
    tokens_per_day: int = 0
    turns: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is used already. `oldest_in_window` is when the oldest request of the last 60 s came in."""

    in_window: int = 0
    oldest_in_window: float = 0.0
    today: int = 0
    tokens_today: int = 0
    tokens_reserved: int = 0
    turns: int = 0


def policy_of(bot: Bot, *, limited: bool) -> Policy:
    """A bot's limits; service-role callers (`limited` False) only have the turns of a conversation."""
    if not limited:
        return Policy(turns=bot.max_turns)
    return Policy(
        per_minute=bot.rate_limit_per_minute,
        per_day=bot.daily_request_limit,
        tokens_per_day=bot.daily_token_budget,
        turns=bot.max_turns,
    )


def utc_day(now: float) -> int:
    """Days since 1970-01-01 in UTC."""
    return int(now // DAY_S)


def widened(policy: Policy, factor: int) -> Policy:
    """What all people of one network may have together, who each have the policy; 0 stays no limit."""
    return Policy(
        per_minute=policy.per_minute * factor,
        per_day=policy.per_day * factor,
        tokens_per_day=policy.tokens_per_day * factor,
    )


def check_both(own: tuple[Policy, Standing], network: tuple[Policy, Standing] | None, now: float) -> None:
    """`check` somebody and their network; of two refusals the one that lasts longer is raised."""
    refusals: list[LimitReached] = []
    for checked, whose in ((own, ""), (network, " by everybody in your network")):
        try:
            if checked is not None:
                check(*checked, now, whose=whose)
        except LimitReached as refusal:
            refusals.append(refusal)
    if refusals:
        raise max(refusals, key=lambda one: float("inf") if one.resets_at is None else one.resets_at)


def check(policy: Policy, standing: Standing, now: float, *, whose: str = "") -> None:
    """Raise `LimitReached` for the first limit that one more request would break; `now` in Unix seconds."""
    if policy.turns and standing.turns >= policy.turns:
        raise LimitReached(
            f"Turn limit reached: this conversation has had {standing.turns} of {policy.turns} messages. "
            "Start a new one.",
            which="turns",
            limit=policy.turns,
            used=standing.turns,
            retry_after_s=None,
            resets_at=None,
        )
    if policy.per_minute and standing.in_window >= policy.per_minute:
        resets_at = standing.oldest_in_window + RATE_WINDOW_S
        text = (
            f"Rate limit exceeded: {standing.in_window} of {policy.per_minute} requests in the last minute"
            f"{whose}."
        )
        raise _until(text, "rate", policy.per_minute, standing.in_window, now, resets_at)
    midnight = float((utc_day(now) + 1) * DAY_S)
    if policy.per_day and standing.today >= policy.per_day:
        text = f"Daily limit exceeded: {standing.today} of {policy.per_day} requests today{whose}."
        raise _until(text, "daily", policy.per_day, standing.today, now, midnight)
    tokens = standing.tokens_today + standing.tokens_reserved
    if policy.tokens_per_day and tokens >= policy.tokens_per_day:
        spent = f"{tokens} of {policy.tokens_per_day} tokens used or reserved today"
        text = f"Token budget exceeded: {spent}{whose}."
        raise _until(text, "tokens", policy.tokens_per_day, tokens, now, midnight)


def _until(text: str, which: str, limit: int, used: int, now: float, resets_at: float) -> LimitReached:
    when = datetime.fromtimestamp(resets_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return LimitReached(
        f"{text} Try again after {when}.",
        which=which,
        limit=limit,
        used=used,
        retry_after_s=max(0.0, resets_at - now),
        resets_at=resets_at,
    )
