"""Providers in the database: one default, one for embeddings, and secrets that only the right key opens."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from appliance.errors import Conflict, InvalidInput, NotFound, StoreError
from appliance.providerconfig import MASK
from appliance.store import providers, settings
from appliance.store.database import connect, database_path
from appliance.store.providers import ProviderRecord
from appliance.store.vault import Vault

VAULT = Vault("k" * 32)
OTHER = Vault("o" * 32)
SECRET = "sk-t0p-secret-value"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = connect(database_path(tmp_path))
    settings.prepare(connection, VAULT)
    yield connection
    connection.close()


def record(id: str, *, name: str = "", is_default: bool = False, secret: str = SECRET) -> ProviderRecord:
    return ProviderRecord(
        id=id,
        tenant="default",
        name=name or id,
        display_name=id,
        type="openai",
        config={"api_key": MASK, "model": "m"},
        sealed=providers.seal(VAULT, "default", id, {"api_key": secret}),
        embedding_model=None,
        use_for_embeddings=False,
        is_default=is_default,
        enabled=True,
        created_at=1700000000.0,
        updated_at=1700000000.0,
        created_by="root",
    )


def defaults(db: apsw.Connection) -> list[str]:
    return [one.id for one in providers.every(db, "default") if one.is_default]


def test_a_record_comes_back_as_it_was_stored(db: apsw.Connection) -> None:
    given = record("a", is_default=True)
    made = providers.add(db, given)
    assert made == given
    assert providers.get(db, "default", "a") == made
    assert providers.every(db, "default") == [made]
    assert providers.every(db, "acme") == []
    assert providers.open_secrets(VAULT, made) == {"api_key": SECRET}


def test_there_is_one_default_whoever_asks_for_it(db: apsw.Connection) -> None:
    providers.add(db, record("a"))
    assert defaults(db) == ["a"]  # the first
    providers.add(db, record("b"))
    assert defaults(db) == ["a"]
    providers.add(db, record("c", is_default=True))
    assert defaults(db) == ["c"]
    providers.make_default(db, "default", "b", 1700000001.0)
    assert defaults(db) == ["b"]
    with pytest.raises(NotFound):
        providers.make_default(db, "default", "nobody", 1700000002.0)
    with pytest.raises(NotFound):
        providers.make_default(db, "acme", "a", 1700000002.0)
    assert defaults(db) == ["b"]


def test_one_provider_at_most_is_flagged_for_embeddings(db: apsw.Connection) -> None:
    for id in "ab":
        providers.add(db, record(id))
        providers.flag_for_embeddings(db, "default", id, 1700000001.0, flag=True)
    assert [one.use_for_embeddings for one in providers.every(db, "default")] == [False, True]
    providers.flag_for_embeddings(db, "default", "a", 1700000002.0, flag=False)  # was not flagged: nothing
    assert [one.use_for_embeddings for one in providers.every(db, "default")] == [False, True]
    providers.flag_for_embeddings(db, "default", "b", 1700000003.0, flag=False)
    assert not any(one.use_for_embeddings for one in providers.every(db, "default"))
    with pytest.raises(NotFound):
        providers.flag_for_embeddings(db, "default", "nobody", 1700000004.0, flag=False)


def test_a_name_is_taken_once_and_the_number_is_bounded(
    db: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers.add(db, record("a", name="main"))
    with pytest.raises(Conflict, match="'main'"):
        providers.add(db, record("b", name="main"))
    monkeypatch.setattr(providers, "PROVIDERS_MAX", 1)
    with pytest.raises(InvalidInput, match="limit"):
        providers.add(db, record("b"))
    assert [one.id for one in providers.every(db, "default")] == ["a"]


def test_what_is_deleted_is_gone_and_cannot_be_deleted_or_changed_again(db: apsw.Connection) -> None:
    made = providers.add(db, record("a"))
    assert providers.delete(db, "default", "a") == made
    with pytest.raises(NotFound):
        providers.delete(db, "default", "a")
    with pytest.raises(NotFound):
        providers.replace(db, made)
    with pytest.raises(NotFound):
        providers.get(db, "default", "a")


def test_no_secret_is_readable_in_the_files(db: apsw.Connection, tmp_path: Path) -> None:
    providers.add(db, record("a"))
    db.pragma("wal_checkpoint(full)")
    found = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b'"model":"m"' in found
    assert SECRET.encode() not in found


def test_secrets_open_only_in_their_own_row(db: apsw.Connection) -> None:
    providers.add(db, record("a"))
    providers.add(db, record("b", secret="sk-other"))
    db.execute("UPDATE _providers SET sealed = (SELECT sealed FROM _providers WHERE id = 'a') WHERE id = 'b'")
    with pytest.raises(StoreError) as refused:
        providers.open_secrets(VAULT, providers.get(db, "default", "b"))
    assert SECRET not in refused.value.text


def test_a_new_encryption_key_takes_the_secrets_of_providers_along(db: apsw.Connection) -> None:
    providers.add(db, record("a"))
    settings.put(db, VAULT, tenant="default", key="city", value="Rome", secret=False, now=1.0)
    assert settings.reseal(db, VAULT, OTHER) == 2
    made = providers.get(db, "default", "a")
    assert providers.open_secrets(OTHER, made) == {"api_key": SECRET}
    with pytest.raises(StoreError):
        providers.open_secrets(VAULT, made)
    settings.prepare(db, OTHER)


def test_a_wrong_old_key_changes_nothing(db: apsw.Connection) -> None:
    made = providers.add(db, record("a"))
    with pytest.raises(StoreError), db:
        settings.reseal(db, OTHER, Vault("n" * 32))
    assert providers.get(db, "default", "a") == made
    settings.prepare(db, VAULT)


def test_another_key_is_refused_while_a_provider_has_secrets(db: apsw.Connection) -> None:
    providers.add(db, record("a"))
    with pytest.raises(
        StoreError, match=r"^The secrets of its model providers \(1\).*encryption key.*delete"
    ):
        settings.prepare(db, OTHER)
    settings.put(db, VAULT, tenant="default", key="city", value="Rome", secret=False, now=1.0)
    with pytest.raises(StoreError, match=r"^The settings of this database \(1\) and the secrets of .* \(1\)"):
        settings.prepare(db, OTHER)
    settings.remove(db, tenant="default", key="city")
    providers.delete(db, "default", "a")
    settings.prepare(db, OTHER)
