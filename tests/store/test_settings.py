"""Settings are encrypted in the file, counted for the right caller, and harmless when they cannot be read."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from appliance.bot import Bot
from appliance.botsettings import SettingName, SettingValues, missing_settings
from appliance.errors import Conflict, InvalidInput, NotFound, StoreError
from appliance.store import migrate as migrate_module
from appliance.store import settings
from appliance.store.database import connect, database_path
from appliance.store.migrate import migrate
from appliance.store.vault import Vault

VAULT = Vault("k" * 32)
OTHER = Vault("o" * 32)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = connect(database_path(tmp_path))
    settings.prepare(connection, VAULT)
    yield connection
    connection.close()


def put(
    db: apsw.Connection,
    key: str,
    value: str,
    user_id: str = "",
    *,
    tenant: str = "default",
    secret: bool = False,
    vault: Vault = VAULT,
) -> None:
    settings.put(
        db, vault, tenant=tenant, user_id=user_id, key=key, value=value, secret=secret, now=1700000000.0
    )


def test_values_count_for_their_caller_and_users_go_first(db: apsw.Connection) -> None:
    put(db, "city", "Rome")
    put(db, "plan", "free")
    put(db, "city", "Oslo", "alice")
    put(db, "city", "Bonn", "bob")
    put(db, "city", "Kyiv", tenant="acme")
    assert settings.values(db, VAULT, "default", "alice").all == {"city": "Oslo", "plan": "free"}
    assert settings.values(db, VAULT, "default").all == {"city": "Rome", "plan": "free"}
    assert settings.values(db, VAULT, "default").user == {}
    assert settings.values(db, VAULT, "acme", "alice").all == {"city": "Kyiv"}
    assert settings.values(db, VAULT, "nowhere", "alice") == SettingValues()


def test_no_value_is_readable_in_the_files(db: apsw.Connection, tmp_path: Path) -> None:
    put(db, "crm.token", "t0p-secret-value", secret=True)
    put(db, "city", "Reykjavik-plain")
    put(db, "city", "Reykjavik-again")
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"crm.token" in stored
    assert b"t0p-secret" not in stored
    assert b"Reykjavik" not in stored


def test_secrets_are_for_tools_and_never_for_prompts(db: apsw.Connection) -> None:
    put(db, "token", "system's secret", secret=True)
    put(db, "token", "alice's own token", "alice", secret=True)
    put(db, "city", "Rome")
    put(db, "region", "a region of everybody")
    put(db, "region", "a hidden region", "alice", secret=True)
    found = settings.values(db, VAULT, "default", "alice")
    assert found.plain_system == {"token": "", "city": "Rome", "region": "a region of everybody"}
    assert found.plain_user == {"token": "", "region": ""}
    assert found.all == {"token": "alice's own token", "city": "Rome", "region": "a hidden region"}
    assert sorted(found.secrets) == ["a hidden region", "alice's own token", "system's secret"]


def test_representations_hold_no_value(db: apsw.Connection) -> None:
    put(db, "token", "t0p-secret", secret=True)
    found = settings.values(db, VAULT, "default")
    assert "t0p" not in repr(found) + str(found) + f"{found!r:}" + repr([found.system["token"]])
    assert "token" in repr(found)


def test_names_are_listed_without_a_key(db: apsw.Connection) -> None:
    put(db, "token", "t0p-secret", secret=True)
    put(db, "city", "Oslo", "alice")
    token = SettingName(key="token", secret=True, updated_at=1700000000.0)
    city = SettingName(key="city", user_id="alice", updated_at=1700000000.0)
    assert settings.names(db, "default") == [token, city]
    assert settings.names(db, "default", "") == [token]
    assert settings.names(db, "default", "alice") == [city]
    assert settings.names(db, "acme") == []
    assert settings.names(db, None) == [token, city]


def test_a_value_of_another_key_is_missing_and_hurts_no_other(db: apsw.Connection) -> None:
    put(db, "city", "Rome")
    put(db, "token", "t0p-secret", secret=True, vault=OTHER)
    found = settings.values(db, VAULT, "default")
    assert (found.all, found.unreadable) == ({"city": "Rome"}, ["system:token"])
    assert missing_settings(Bot(name="b", required_settings=["city", "token"]), found) == ["token"]


def test_an_unreadable_user_value_is_never_replaced_by_everybodys(db: apsw.Connection) -> None:
    put(db, "token", "the admin's token", secret=True)
    put(db, "token", "alice's token", "alice", secret=True, vault=OTHER)
    found = settings.values(db, VAULT, "default", "alice")
    assert (found.all, found.unreadable) == ({}, ["user:token"])


def test_rows_that_were_swapped_in_the_file_are_not_used(db: apsw.Connection) -> None:
    put(db, "token", "alice's token", "alice", secret=True)
    put(db, "token", "mallory's token", "mallory", secret=True)
    db.execute(
        "UPDATE _settings SET value = (SELECT value FROM _settings WHERE user_id = 'alice') "
        "WHERE user_id = 'mallory'"
    )
    assert settings.values(db, VAULT, "default", "mallory").unreadable == ["user:token"]


def test_a_secret_does_not_become_plain_by_mistake(db: apsw.Connection) -> None:
    put(db, "token", "first", secret=True)
    with pytest.raises(Conflict, match="--secret"):
        put(db, "token", "second")
    assert settings.values(db, VAULT, "default").all == {"token": "first"}
    put(db, "token", "second", secret=True)
    put(db, "city", "Rome")
    put(db, "city", "Rome", secret=True)
    assert settings.values(db, VAULT, "default").plain_system == {"token": "", "city": ""}


@pytest.mark.parametrize(
    "key", ["", "1a", "a-b", "a b", "a\n", "käse", "_a", "a" * 101, "user_id", "namespace", "user:a", "{{a}}"]
)
def test_what_cannot_be_a_key_is_refused(db: apsw.Connection, key: str) -> None:
    with pytest.raises(InvalidInput):
        put(db, key, "value")
    assert settings.names(db, "default") == []


@pytest.mark.parametrize("value", ["", "x" * 16_385, "ü" * 8193, "nul\0", "lone \udc80"])
def test_what_cannot_be_a_value_is_refused_without_quoting_it(db: apsw.Connection, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        put(db, "key", value)
    assert not value or value not in refused.value.text
    assert settings.names(db, "default") == []


def test_the_number_of_settings_is_bounded(db: apsw.Connection) -> None:
    for number in range(settings.SETTINGS_MAX):
        put(db, f"k{number}", "value")
    with pytest.raises(InvalidInput, match="limit"):
        put(db, "one.more", "value")
    put(db, "k0", "changed")
    put(db, "one.more", "value", "alice")
    assert len(settings.values(db, VAULT, "default", "alice").all) == settings.SETTINGS_MAX + 1


def test_what_is_removed_is_gone(db: apsw.Connection) -> None:
    put(db, "city", "Rome")
    put(db, "city", "Oslo", "alice")
    settings.remove(db, tenant="default", user_id="alice", key="city")
    assert settings.values(db, VAULT, "default", "alice").all == {"city": "Rome"}
    with pytest.raises(NotFound, match="'city' of user 'alice'"):
        settings.remove(db, tenant="default", user_id="alice", key="city")


def test_a_wrong_key_is_found_before_anything_is_stored_with_it(db: apsw.Connection) -> None:
    settings.prepare(db, OTHER)  # nothing is stored yet: a new key is as good as the first
    settings.prepare(db, VAULT)
    put(db, "city", "Rome")
    settings.prepare(db, VAULT)
    with pytest.raises(
        StoreError,
        match=r"settings of this database \(1\) .* another encryption key.*APPLIANCE_ENCRYPTION_KEY",
    ):
        settings.prepare(db, OTHER)
    settings.remove(db, tenant="default", key="city")
    settings.prepare(db, OTHER)


def test_values_are_encrypted_again_with_a_new_key(db: apsw.Connection) -> None:
    put(db, "city", "Rome")
    put(db, "token", "alice's", "alice", secret=True)
    assert settings.reseal(db, VAULT, OTHER) == 2
    settings.prepare(db, OTHER)
    assert settings.values(db, OTHER, "default", "alice").all == {"city": "Rome", "token": "alice's"}
    assert settings.values(db, VAULT, "default", "alice").all == {}


def test_a_wrong_old_key_changes_nothing(db: apsw.Connection) -> None:
    put(db, "city", "Rome")
    with pytest.raises(StoreError, match="city cannot be decrypted"), db:
        settings.reseal(db, Vault("w" * 32), OTHER)
    settings.prepare(db, VAULT)
    assert settings.values(db, VAULT, "default").all == {"city": "Rome"}


def test_plain_values_of_an_older_file_are_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrate_module.migrations()
    path = tmp_path / "old.db"
    with monkeypatch.context() as older:
        older.setattr(migrate_module, "migrations", lambda: known[:1])
        db = apsw.Connection(str(path))
        migrate(db)
        db.execute(
            "INSERT INTO _settings VALUES ('default', '', 'city', 'Reykjavík'), ('default', 'u', 'a', 'b')"
        )
        db.execute("CREATE TABLE gone (x)")
        db.execute("CREATE VIEW broken AS SELECT x FROM gone")
        db.execute("DROP TABLE gone")
        db.close()
    db = connect(path)
    assert settings.values(db, VAULT, "default", "u").unreadable == ["system:city", "user:a"]
    settings.prepare(db, VAULT)
    assert settings.values(db, VAULT, "default", "u").all == {"city": "Reykjavík", "a": "b"}
    assert db.execute("SELECT count(*) FROM _settings WHERE typeof(value) = 'blob' AND sealed").get == 2
    assert b"Reykj" not in db.execute("SELECT value FROM _settings WHERE key = 'city'").get
    db.close()


@pytest.mark.parametrize(
    ("required", "missing"),
    [
        ([], []),
        (["city", "plan", "nothing"], ["nothing"]),
        (["user:city", "system:city", "user:plan", "system:plan"], ["user:plan"]),
        (["other:city", "user:"], ["other:city", "user:"]),
    ],
)
def test_missing_settings_are_named(db: apsw.Connection, required: list[str], missing: list[str]) -> None:
    put(db, "city", "Rome")
    put(db, "plan", "free")
    put(db, "city", "Oslo", "alice")
    found = settings.values(db, VAULT, "default", "alice")
    assert missing_settings(Bot(name="b", required_settings=required), found) == missing
