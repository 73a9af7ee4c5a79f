"""The demo's two weeks: the same again for the same moment, and never over data of somebody's own."""

from datetime import UTC, date, datetime
from pathlib import Path

import apsw
import pytest

from appliance.engine.demo import bring_to_life
from appliance.engine.demo_plan import DATA, SUPPORT, Plan
from appliance.engine.demo_talks import talks
from appliance.importer.demo import create_demo
from appliance.messages import ToolResultPart
from appliance.store import keys
from appliance.store.database import connect, database_path

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC).timestamp()
MOMENTS = [
    datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC),
    datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
]


def folder(path: Path) -> apsw.Connection:
    path.mkdir()
    return connect(database_path(path))


def told(db: apsw.Connection) -> list[tuple[object, ...]]:
    sql = (
        "SELECT conversation_id, role, content, parts, created_at, feedback FROM _messages ORDER BY position"
    )
    return db.execute(sql).fetchall()


def test_the_same_moment_gives_the_same_conversations(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    assert bring_to_life(one, NOW) == bring_to_life(other, NOW) == 60
    assert told(one) == told(other)
    one.close()
    other.close()


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_all_lies_in_two_weeks_and_nothing_in_the_future(tmp_path: Path, now: datetime) -> None:
    db = folder(tmp_path / "data")
    bring_to_life(db, now.timestamp())
    first, last = db.execute("SELECT min(created_at), max(created_at) FROM _messages").get
    assert now.timestamp() - 14 * 86_400 < first < last < now.timestamp()
    days = db.execute("SELECT count(DISTINCT CAST(created_at / 86400 AS INTEGER)) FROM _messages").get
    assert days >= 13  # at midnight nobody has come today
    db.close()


def test_who_has_made_a_key_gets_no_made_up_conversations(tmp_path: Path) -> None:
    db = folder(tmp_path / "data")
    keys.create_key(db, "service", "default", NOW)
    assert bring_to_life(db, NOW) == 0
    assert not told(db)
    db.close()


def test_a_second_time_adds_nothing(tmp_path: Path) -> None:
    db = folder(tmp_path / "data")
    bring_to_life(db, NOW)
    before = told(db)
    assert bring_to_life(db, NOW + 86_400) == 0
    assert told(db) == before
    db.close()


def test_every_question_of_the_plan_has_an_answer_of_its_bot() -> None:
    for bot, conversations in (("support", SUPPORT), ("sql-assistant", DATA)):
        assert {talks().find(ask).bot for asks in conversations for ask in asks} == {bot}


def test_the_positions_of_an_answer_lie_within_its_turn() -> None:
    for answered in talks().answers:
        places = [part.seq for part in talks().parts(answered, 100)]
        assert places == sorted(places)
        assert places[0] > 100
        assert places[-1] < 100 + answered.length


def test_the_rows_of_the_answers_are_those_of_the_demo_shop(tmp_path: Path) -> None:
    db = folder(tmp_path / "data")
    create_demo(db, date(2029, 5, 5))
    for answered in talks().answers:
        for part in talks().parts(answered, 0):
            if isinstance(part, ToolResultPart) and part.result.query:
                query = part.result.query
                assert [list(row) for row in db.execute(query.sql)] == query.rows, query.sql
    db.close()


def test_visits_are_in_order_of_time_and_the_last_one_waits() -> None:
    visits = Plan(NOW).visits()
    assert [visit.at for visit in visits] == sorted(visit.at for visit in visits)
    assert [visit.story for visit in visits if visit.story] == ["failed", "over", "waiting"]
    assert visits[-1].story == "waiting"
