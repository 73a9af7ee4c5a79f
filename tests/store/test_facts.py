"""Facts outlive the process that wrote them, and travel with the database."""

from contextlib import closing
from pathlib import Path

from appliance.store import facts
from appliance.store.backup import back_up
from appliance.store.database import connect, database_path


def test_a_fact_is_there_until_it_is_forgotten_also_in_another_connection(tmp_path: Path) -> None:
    with closing(connect(database_path(tmp_path))) as db:
        assert facts.get(db, facts.DATA_RULES) is None
        facts.put(db, facts.DATA_RULES, "first")
        facts.put(db, facts.DATA_RULES, "second")
        facts.put(db, "other", "")
    with closing(connect(database_path(tmp_path))) as db:
        assert facts.get(db, facts.DATA_RULES) == "second"
        facts.forget(db, facts.DATA_RULES)
        facts.forget(db, facts.DATA_RULES)
        assert facts.get(db, facts.DATA_RULES) is None
        assert facts.get(db, "other") == ""


def test_a_backup_has_the_facts_of_its_database(tmp_path: Path) -> None:
    with closing(connect(database_path(tmp_path))) as db:
        facts.put(db, facts.DATA_RULES, "data.yaml")
        back_up(db, tmp_path / "copy.db")
    with closing(connect(tmp_path / "copy.db")) as copy:
        assert facts.get(copy, facts.DATA_RULES) == "data.yaml"
