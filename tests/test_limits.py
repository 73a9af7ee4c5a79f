"""The limits as a pure decision over figures."""

import pytest

from appliance.bot import Bot
from appliance.errors import LimitReached
from appliance.limits import Policy, Standing, check, policy_of

NOON = 1_780_056_000.0
"""2026-05-29 12:00:00 UTC."""


def refused(policy: Policy, standing: Standing) -> LimitReached:
    with pytest.raises(LimitReached) as reached:
        check(policy, standing, NOON)
    return reached.value


def test_below_every_limit_is_fine_and_zero_is_no_limit() -> None:
    check(Policy(per_minute=2, per_day=2, tokens_per_day=2, turns=2), Standing(in_window=1, today=1), NOON)
    check(Policy(), Standing(in_window=99, today=99, tokens_today=99, turns=99), NOON)


def test_the_rate_limit_opens_when_the_oldest_request_leaves_the_window() -> None:
    reached = refused(Policy(per_minute=3), Standing(in_window=3, oldest_in_window=NOON - 45))
    assert (reached.which, reached.retry_after_s, reached.resets_at) == ("rate", 15.0, NOON + 15)


def test_daily_limits_open_at_midnight_utc() -> None:
    for standing, policy, which in (
        (Standing(today=5), Policy(per_day=5), "daily"),
        (Standing(tokens_today=60, tokens_reserved=40), Policy(tokens_per_day=100), "tokens"),
    ):
        reached = refused(policy, standing)
        assert (reached.which, reached.retry_after_s) == (which, 12 * 3600.0)
        assert "2026-05-30 00:00:00 UTC" in reached.text


def test_turns_never_reset() -> None:
    reached = refused(Policy(turns=1), Standing(turns=1))
    assert (reached.which, reached.resets_at) == ("turns", None)


def test_unlimited_callers_keep_only_the_turns_of_a_conversation() -> None:
    assert policy_of(Bot(name="b"), limited=False) == Policy(turns=50)
    assert policy_of(Bot(name="b"), limited=True).per_minute == 10
