import re

import apsw
import pytest

from appliance.errors import InvalidInput, NotFound
from appliance.store.keys import create_key, find_key, hash_key, is_key, list_keys, revoke_key
from appliance.store.migrate import migrate
from appliance.store.tenants import tenant_exists


@pytest.fixture
def db() -> apsw.Connection:
    db = apsw.Connection(":memory:")
    migrate(db)
    return db


@pytest.mark.parametrize(("type_", "prefix"), [("anon", "pk_"), ("service", "sk_"), ("tenant", "tk_")])
def test_a_key_is_its_prefix_and_256_random_bits(db: apsw.Connection, type_, prefix: str) -> None:
    made, key = create_key(db, type_, "default", 5.0)
    assert re.fullmatch(prefix + "[A-Za-z0-9_-]{43}", key)
    assert is_key(key)
    assert made.hint == f"{key[:7]}…{key[-4:]}"
    assert find_key(db, hash_key(key)) == made
    assert (made.type, made.tenant, made.created_at, made.revoked_at) == (type_, "default", 5.0, None)


def test_the_key_itself_is_nowhere_in_the_database(db: apsw.Connection) -> None:
    _, key = create_key(db, "service", "default", 0.0)
    assert key[3:].encode() not in db.serialize("main")


def test_the_first_key_of_a_tenant_makes_the_tenant(db: apsw.Connection) -> None:
    create_key(db, "tenant", "acme", 0.0)
    assert tenant_exists(db, "acme")


def test_an_unknown_type_is_refused(db: apsw.Connection) -> None:
    with pytest.raises(InvalidInput, match="anon, service, tenant"):
        create_key(db, "root", "default", 0.0)  # type: ignore[arg-type]


def test_revoking_keeps_the_first_moment_and_leaves_other_keys_alone(db: apsw.Connection) -> None:
    made, key = create_key(db, "anon", "default", 0.0)
    other, other_key = create_key(db, "anon", "default", 1.0)
    revoked, changed = revoke_key(db, made.id, 7.0)
    assert changed
    assert revoked.revoked_at == 7.0
    assert revoke_key(db, made.id, 9.0) == (revoked, False)
    assert find_key(db, hash_key(key)) == revoked
    assert find_key(db, hash_key(other_key)) == other
    assert list_keys(db) == [revoked, other]


def test_revoking_an_unknown_id_is_an_error(db: apsw.Connection) -> None:
    with pytest.raises(NotFound, match="no key with the id 'nope'"):
        revoke_key(db, "nope", 0.0)


@pytest.mark.parametrize("text", ["", "pk_", "pk_" + "a" * 42, "xx_" + "a" * 43, "pk_" + "ä" * 43])
def test_other_texts_are_no_keys(text: str) -> None:
    assert not is_key(text)
