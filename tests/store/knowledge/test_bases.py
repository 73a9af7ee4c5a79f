"""Knowledge bases as rows."""

from collections.abc import Iterator

import apsw
import msgspec
import pytest

from appliance.errors import Conflict, QuotaReached
from appliance.knowledge import KnowledgeBase, Quota, Viewer
from appliance.store.database import connect
from appliance.store.knowledge import bases, grants, vectors

EVERYTHING = KnowledgeBase(
    number=0,
    id="b1",
    tenant="acme",
    namespace="sales",
    name="Handbook",
    description="What to know",
    embedding_model="m",
    chunk_size=100,
    chunk_overlap=10,
    chunk_strategy="sentence",
    enabled=False,
    source="filesystem",
    created_by="root",
    owner_id="alice",
    visibility="public",
    per_user=True,
    quota=Quota(documents=1, chunks=2, bytes=3),
    pipeline_type="sql",
    pipeline_config={"a": [1, {"b": None}]},
    transformation_function="f",
    created_at=1.5,
    updated_at=2.5,
)


@pytest.fixture
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    connection = connect(tmp_path_factory.mktemp("data") / "appliance.db")
    yield connection
    connection.close()


def fill(
    db: apsw.Connection, base: KnowledgeBase, id: str, user: str = "", *, chunks: int, bytes: int
) -> None:
    db.execute(
        "INSERT INTO _documents (id, base, title, user_id, chunks_count, bytes, created_at, updated_at) "
        "VALUES (?, ?, 't', ?, ?, ?, 0, 0)",
        (id, base.number, user, chunks, bytes),
    )


def test_every_field_is_stored_and_read_back(db: apsw.Connection) -> None:
    made = bases.add(db, EVERYTHING)
    assert bases.get(db, "acme", "b1") == bases.by_id(db, "b1") == bases.by_number(db, made.number) == made
    assert made == msgspec.structs.replace(EVERYTHING, number=made.number)
    space, other = vectors.space(db, "local m", 8), vectors.space(db, "local n", 16)
    changed = msgspec.structs.replace(made, name="Other", space=space, next_space=other, enabled=True)
    bases.replace(db, changed)
    assert bases.by_id(db, "b1") == changed
    bases.set_spaces(db, made.number, space=other.number, next_space=None)
    assert bases.by_id(db, "b1") == msgspec.structs.replace(changed, space=other, next_space=None)


def test_a_base_is_found_in_its_tenant_and_under_its_owner_only(db: apsw.Connection) -> None:
    made = bases.add(db, EVERYTHING)
    assert bases.get(db, "default", "b1") is None
    assert bases.by_name(db, "acme", "sales", "Handbook") is None
    assert bases.by_name(db, "acme", "sales", "Handbook", "alice") == made
    with pytest.raises(Conflict):
        bases.add(db, msgspec.structs.replace(EVERYTHING, id="b2"))


def test_who_reaches_which_bases_of_a_tenant(db: apsw.Connection) -> None:
    def add(name: str, owner: str = "", visibility: str = "private", tenant: str = "acme") -> KnowledgeBase:
        return bases.add(
            db,
            msgspec.structs.replace(
                EVERYTHING, id=name, name=name, owner_id=owner, visibility=visibility, tenant=tenant
            ),
        )

    add("alice's", "alice")
    add("public", "bob", "public")
    add("ours")
    add("elsewhere", "alice", "public", "default")
    granted = add("granted", "bob")
    db.execute("INSERT INTO _knowledge_grants VALUES ('g', ?, 'alice', 'viewer', '', 0)", (granted.number,))
    assert [base.name for base in bases.reachable(db, "acme", "alice")] == ["alice's", "granted", "public"]
    assert [base.name for base in bases.reachable(db, "acme", "")] == ["ours", "public"]
    assert bases.reachable(db, "acme", "alice", "default") == []
    assert len(bases.every(db, tenant="acme")) == 4
    assert bases.granted(db, granted.number, "alice") == "viewer"
    assert bases.granted(db, granted.number, "carol") is None
    assert bases.count_of_owner(db, "acme", "bob") == 2
    assert grants.count(db, "base", granted.number) == 1


def test_counts_are_the_viewers_and_quotas_are_of_all(db: apsw.Connection) -> None:
    base = bases.add(db, msgspec.structs.replace(EVERYTHING, quota=Quota(documents=3, chunks=10, bytes=100)))
    fill(db, base, "d1", chunks=2, bytes=10)
    fill(db, base, "d2", "alice", chunks=3, bytes=20)
    nobody, alice = Viewer(tenant="acme"), Viewer(tenant="acme", user_id="alice")
    assert bases.seen(db, base.number, nobody) == bases.Usage(1, 2, 10)
    assert bases.seen(db, base.number, alice) == bases.Usage(2, 5, 30) == bases.usage(db, base.number)
    assert bases.seen(db, base.number, Viewer(tenant="other", user_id="alice")) == bases.Usage(1, 2, 10)
    bases.check_room(db, base, documents=1, chunks=5, bytes=70)
    for more in ({"documents": 2}, {"chunks": 6}, {"bytes": 71}):
        with pytest.raises(QuotaReached) as caught:
            bases.check_room(db, base, **more)
        assert caught.value.details["which"] == next(iter(more))
    smaller = msgspec.structs.replace(base, quota=Quota(documents=1, chunks=1, bytes=1))
    bases.check_room(db, smaller, chunks=-1)


def test_a_base_that_is_being_deleted_is_found_by_nobody(db: apsw.Connection) -> None:
    made = bases.add(db, EVERYTHING)
    fill(db, made, "d1", chunks=0, bytes=0)
    bases.erase(db, made.number)
    assert bases.by_id(db, "b1") == made
    bases.leave(db, made.number)
    assert bases.left(db) == [made.number]
    assert bases.by_id(db, "b1") is bases.by_number(db, made.number) is bases.get(db, "acme", "b1") is None
    assert bases.every(db) == []
    bases.add(db, msgspec.structs.replace(EVERYTHING, id="b2"))
    bases.erase(db, made.number)
    assert bases.left(db) == []
    assert db.execute("SELECT count(*) FROM _documents").get == 0
