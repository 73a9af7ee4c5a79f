"""Bots of the database: kept whole, changed in place, gone with their conversations."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from appliance.botoverrides import BotOverrides
from appliance.identity import Caller
from appliance.store import bots, conversations
from appliance.store.bots import Choices, StoredBot
from appliance.store.database import connect, database_path

BOT = StoredBot(
    namespace="team",
    name="helper",
    code="code",
    original_code="before",
    is_bundled=True,
    given=BotOverrides(enabled=False, temperature=0, allowed_tables=[]),
    first_version=3,
    created_at=1.0,
    updated_at=2.0,
    created_by="root",
)
CHOICES = Choices(
    namespace="team", name="helper", overrides=BotOverrides(max_tokens=5), updates=2, updated_at=4.0
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = connect(database_path(tmp_path))
    yield connection
    connection.close()


def test_bots_and_choices_come_out_as_they_went_in(db: apsw.Connection) -> None:
    assert bots.everything(db) == bots.Kept()
    hidden = Choices(namespace="default", name="shop", hidden=True)
    bots.put_bot(db, BOT)
    bots.put_choices(db, CHOICES)
    bots.put_choices(db, hidden)
    kept = bots.everything(db)
    assert kept.bots == {BOT.key: BOT}
    assert kept.choices == {CHOICES.key: CHOICES, hidden.key: hidden}


def test_a_second_put_changes_all_but_who_made_it_when_and_as_which_version(db: apsw.Connection) -> None:
    bots.put_bot(db, BOT)
    newer = StoredBot(
        namespace="team", name="helper", code="newer", first_version=9, created_at=7.0, updated_at=8.0
    )
    bots.put_bot(db, newer)
    (kept,) = bots.everything(db).bots.values()
    assert (kept.code, kept.original_code, kept.is_bundled, kept.given) == (
        "newer",
        None,
        False,
        BotOverrides(),
    )
    assert (kept.first_version, kept.created_at, kept.created_by, kept.updated_at) == (3, 1.0, "root", 8.0)


def test_what_is_forgotten_is_gone_and_nothing_else(db: apsw.Connection) -> None:
    for name in ("a", "b"):
        bots.put_bot(db, StoredBot(namespace="default", name=name, code=""))
        bots.put_choices(db, Choices(namespace="default", name=name))
    bots.delete_bot(db, ("default", "a"))
    bots.forget_choices(db, ("default", "b"))
    kept = bots.everything(db)
    assert (list(kept.bots), list(kept.choices)) == ([("default", "b")], [("default", "a")])


def test_conversations_of_every_tenant_go_with_their_bot_and_no_others(db: apsw.Connection) -> None:
    db.execute("INSERT INTO _tenants (name, created_at) VALUES ('other', 0)")
    for id, tenant, namespace, name in (
        ("1", "default", "team", "helper"),
        ("2", "other", "team", "helper"),
        ("3", "default", "default", "helper"),
        ("4", "default", "team", "shop"),
    ):
        caller = Caller(tenant=tenant, user_id="alice", role="authenticated")
        conversations.create(
            db, id=id, caller=caller, namespace=namespace, bot=name, persist=True, expires_at=None, now=1.0
        )
    assert sorted(bots.delete_conversations(db, ("team", "helper"), 9.0)) == ["1", "2"]
    assert bots.delete_conversations(db, ("team", "helper"), 9.0) == []
    left = db.execute("SELECT id FROM _conversations WHERE status = 'active' ORDER BY id")
    assert [row[0] for row in left] == ["3", "4"]
