"""Who may see, make, change and delete knowledge bases, and what bots find by their names."""

import threading
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
import trio

from appliance.bot import Bot
from appliance.engine.knowledge import bases, documents, grants, graph, removing
from appliance.errors import (
    ApplianceError,
    AuthRequired,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    QuotaReached,
)
from appliance.identity import Caller
from appliance.knowledge import BaseDraft, Viewer, Visibility
from appliance.store.knowledge import bases as stored
from tests.engine.knowledge.people import (
    ADMIN,
    ADMIN_ELSEWHERE,
    ALICE,
    ALICE_ELSEWHERE,
    ANYBODY,
    BOB,
    GUEST,
    SERVER,
    VISITOR,
    entries,
    make,
    titles,
    write,
)
from tests.engine.knowledge.shelf import Shelf, WordVectors, shelf


async def names(shelf: Shelf, caller: Caller, **narrowed: Any) -> dict[str, str]:
    """Names of the bases that a caller sees, and what they may do."""
    found = await bases.listed(shelf.library, caller, **narrowed)
    return {base.name: permission for base, permission in found}


async def test_a_user_owns_what_they_make_and_nobody_else_sees_it(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, "notes", description="Mine")
        assert (base.owner_id, base.tenant, base.namespace, base.visibility) == (
            "alice",
            "default",
            "default",
            "private",
        )
        assert await bases.get(stage.library, ALICE, base.id) == (base, "owner")
        assert await names(stage, ALICE) == {"notes": "owner"}
        assert await names(stage, BOB) == {}
        for stranger in (BOB, ALICE_ELSEWHERE, ADMIN_ELSEWHERE, SERVER):
            with pytest.raises(NotFound, match=r"^There is no such knowledge base\.$"):
                await bases.get(stage.library, stranger, base.id)


async def test_a_foreign_base_answers_like_a_missing_one_to_every_call(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base)
        library = stage.library

        async def said(caller: Caller, base_id: str) -> set[str]:
            calls = [
                partial(bases.update, library, caller, base_id, BaseDraft(name="x")),
                partial(bases.delete, library, caller, base_id),
                partial(bases.reindex, library, caller, base_id),
                partial(documents.listed, library, caller, base_id),
                partial(documents.get, library, caller, base_id, document.id),
                partial(documents.original, library, caller, base_id, document.id),
                partial(documents.chunks, library, caller, base_id, document.id),
                partial(documents.add_text, library, caller, base_id, content="x"),
                partial(documents.add_file, library, caller, base_id, data=b"x", file_name="x.txt"),
                partial(documents.update, library, caller, base_id, document.id, title="x"),
                partial(documents.delete, library, caller, base_id, document.id),
                partial(grants.share, library, caller, base_id, "bob", "owner"),
                partial(grants.listed, library, caller, base_id),
                partial(grants.revoke, library, caller, base_id, caller.user_id),
                partial(grants.share_document, library, caller, base_id, document.id, "bob", "viewer"),
            ]
            found = set()
            for call in calls:
                with pytest.raises(NotFound) as caught:
                    await call()
                found.add(caught.value.text)
            return found

        for stranger in (BOB, ALICE_ELSEWHERE, ADMIN_ELSEWHERE):
            assert await said(stranger, base.id) == await said(stranger, "no-such-id")
        assert (await documents.listed(library, ALICE, base.id))[1] == 1


@pytest.mark.parametrize("caller", [ANYBODY, VISITOR, GUEST])
async def test_who_is_not_signed_in_has_to_sign_in_first(tmp_path: Path, caller: Caller) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN, visibility="public")
        with pytest.raises(AuthRequired):
            await bases.get(stage.library, caller, base.id)
        with pytest.raises(AuthRequired):
            await bases.listed(stage.library, caller)
        with pytest.raises(AuthRequired):
            await make(stage, caller)


async def test_grants_and_publicity_open_a_base_as_far_as_they_say(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, "team", visibility="public")
        assert await names(stage, BOB) == {"team": "viewer"}
        assert (await bases.get(stage.library, BOB, base.id))[1] == "viewer"
        with pytest.raises(Forbidden, match="needs the permission editor"):
            await bases.get(stage.library, BOB, base.id, "editor")
        await grants.share(stage.library, ALICE, base.id, "bob", "editor")
        assert await names(stage, BOB) == {"team": "editor"}
        await bases.get(stage.library, BOB, base.id, "editor")
        with pytest.raises(Forbidden):
            await bases.delete(stage.library, BOB, base.id)
        with pytest.raises(Forbidden):
            await bases.update(stage.library, BOB, base.id, BaseDraft(name="mine"))
        assert await names(stage, ALICE_ELSEWHERE) == {}


@pytest.mark.parametrize("visibility", ["private", "shared"])
async def test_only_grants_open_a_base_that_is_not_public(tmp_path: Path, visibility: Visibility) -> None:
    async with shelf(tmp_path) as stage:
        draft = BaseDraft(name="team", visibility=visibility)
        base = await bases.create(stage.library, ALICE, draft, grants=[("bob", "viewer")])
        assert (await bases.get(stage.library, BOB, base.id))[1] == "viewer"
        carol = Caller(role="authenticated", user_id="carol")
        with pytest.raises(NotFound):
            await bases.get(stage.library, carol, base.id)


async def test_an_administrator_owns_every_base_of_the_tenant(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, "notes")
        assert await names(stage, ADMIN) == {"notes": "owner"}
        changed = await bases.update(stage.library, ADMIN, base.id, BaseDraft(quota_documents=3))
        assert (changed.quota.documents, changed.owner_id) == (3, "alice")
        await bases.delete(stage.library, ADMIN, base.id)
        assert await names(stage, ALICE) == {}


async def test_a_tenants_server_tends_what_belongs_to_no_user(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        await make(stage, ADMIN, "official")
        await make(stage, ALICE, "private notes")
        await make(stage, ALICE, "open notes", visibility="public")
        own = await make(stage, SERVER, "its own")
        assert own.owner_id == ""
        assert await names(stage, SERVER) == {
            "official": "editor",
            "open notes": "viewer",
            "its own": "owner",
        }
        with pytest.raises(AuthRequired):
            await names(stage, Caller(role="tenant_chat", key_id="k8"))


async def test_names_are_unique_for_each_owner_and_tell_nothing_of_others(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        await make(stage, ADMIN, "handbook")
        await make(stage, ALICE, "handbook")
        await make(stage, BOB, "handbook")
        await make(stage, ALICE, "handbook", namespace="other")
        await make(stage, ADMIN_ELSEWHERE, "handbook")
        for caller in (ADMIN, ALICE):
            with pytest.raises(Conflict, match="choose another name"):
                await make(stage, caller, " handbook ")
        second = await make(stage, ALICE, "second")
        with pytest.raises(Conflict):
            await bases.update(stage.library, ALICE, second.id, BaseDraft(name="handbook"))
        assert (await bases.get(stage.library, ALICE, second.id))[0].name == "second"


async def test_a_bot_finds_its_namespaces_base_first_and_never_a_users(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        bot = Bot(name="helper", namespace="sales")
        await make(stage, ALICE, "handbook", namespace="sales", visibility="public")
        await make(stage, ADMIN_ELSEWHERE, "handbook", namespace="sales")
        assert bases.find_for_bot(stage.library, bot, "handbook") is None
        common = await make(stage, ADMIN, "handbook")
        assert bases.find_for_bot(stage.library, bot, "handbook") == common
        own = await make(stage, ADMIN, "handbook", namespace="sales")
        assert bases.find_for_bot(stage.library, bot, "handbook") == own


@pytest.mark.parametrize(
    ("draft", "told"),
    [
        (BaseDraft(), "name is missing"),
        (BaseDraft(name="  "), "name is missing"),
        (BaseDraft(name="a\nb"), "one line"),
        (BaseDraft(name="x" * 201), "at most 200"),
        (BaseDraft(name="a\0b"), "NUL"),
        (BaseDraft(name="a\ud800"), "surrogate"),
        (BaseDraft(name="a", namespace=""), "namespace is missing"),
        (BaseDraft(name="a", description="x" * 4001), "at most 4000"),
        (BaseDraft(name="a", chunk_size=100, chunk_overlap=100), "overlap"),
        (BaseDraft(name="a", chunk_size=0), "chunk_size"),
        (BaseDraft(name="a", visibility="secret"), "private, shared, public"),  # type: ignore[arg-type]
        (BaseDraft(name="a", chunk_strategy="random"), "recursive"),  # type: ignore[arg-type]
        (BaseDraft(name="a", quota_documents=0), "from 1 to"),
        (BaseDraft(name="a", quota_bytes=2**60), "from 1 to"),
        (BaseDraft(name="a", pipeline_config={"x": "y" * 20_000}), "16384 bytes"),
    ],
)
async def test_what_a_base_cannot_be_is_refused_and_nothing_is_made(
    tmp_path: Path, draft: BaseDraft, told: str
) -> None:
    async with shelf(tmp_path) as stage:
        with pytest.raises(InvalidInput, match=told):
            await bases.create(stage.library, ADMIN, draft)
        assert stage.count("_knowledge_bases") == 0


async def test_users_choose_neither_quotas_nor_other_owners(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        for draft in (BaseDraft(name="a", quota_bytes=5), BaseDraft(name="a", source="filesystem")):
            with pytest.raises(Forbidden, match="Only an administrator may set"):
                await bases.create(stage.library, ALICE, draft)
        with pytest.raises(Forbidden, match="another user's name"):
            await bases.create(stage.library, ALICE, BaseDraft(name="a"), owner="bob")
        made = await bases.create(stage.library, ADMIN, BaseDraft(name="a"), owner="bob")
        assert (await bases.get(stage.library, BOB, made.id))[1] == "owner"
        assert made.created_by == "root"


async def test_a_user_owns_a_bounded_number_of_bases(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        for number in range(bases.BASES_PER_USER_MAX):
            await make(stage, ALICE, f"base {number}")
        with pytest.raises(QuotaReached, match="may own 100"):
            await make(stage, ALICE, "one more")
        await make(stage, BOB, "one more")


async def test_counts_are_of_what_somebody_sees(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, visibility="public")
        await write(stage, ALICE, base, "For all.")
        await write(stage, ALICE, base, "For Alice.", own=True)
        shown = await write(stage, ADMIN, base, "For Carol.", metadata={"user_id": "carol"})
        await stage.work()

        async def counts(caller: Caller) -> tuple[int, int, int]:
            found = (await bases.get(stage.library, caller, base.id))[0]
            return found.document_count, found.total_chunks, found.total_bytes

        assert await counts(ADMIN) == (3, 3, 28)
        assert await counts(ALICE) == (2, 2, 18)
        assert await counts(BOB) == (1, 1, 8)
        await grants.share_document(stage.library, ADMIN, base.id, shown.id, "bob", "viewer")
        assert await counts(BOB) == (2, 2, 18)
        ((listed, _),) = await bases.listed(stage.library, BOB)
        assert (listed.document_count, listed.total_chunks) == (2, 2)
        updated = await bases.update(stage.library, ALICE, base.id, BaseDraft(description="new"))
        assert updated.document_count == 2


async def test_documents_are_counted_only_where_that_is_told_and_never_on_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting: list[threading.Thread] = []
    seen = stored.seen

    def witnessed(db: apsw.Connection, number: int, viewer: Viewer) -> stored.Usage:
        counting.append(threading.current_thread())
        return seen(db, number, viewer)

    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        await write(stage, ALICE, base)
        monkeypatch.setattr(stored, "seen", witnessed)
        await graph.entities(stage.library, ALICE, base.id, limit=5)
        await documents.listed(stage.library, ALICE, base.id)
        assert bases.find(stage.library, ALICE, base.id, "owner").id == base.id
        assert counting == []
        assert (await bases.get(stage.library, ALICE, base.id))[0].document_count == 1
        assert len(counting) == 1
        assert counting[0] is not threading.main_thread()


async def test_an_update_changes_only_what_it_names(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, "notes", description="Old", visibility="shared", per_user=True)
        stage.now += 10
        changed = await bases.update(
            stage.library, ALICE, base.id, BaseDraft(description="New", enabled=False)
        )
        assert (changed.name, changed.description, changed.enabled) == ("notes", "New", False)
        assert (changed.visibility, changed.per_user) == ("shared", True)
        assert (changed.created_at, changed.updated_at) == (base.created_at, base.created_at + 10)
        assert (await bases.get(stage.library, ALICE, base.id))[0] == changed


async def test_other_chunk_settings_chunk_all_documents_anew_while_the_old_chunks_serve(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path, WordVectors()) as stage:
        base = await make(stage, ALICE)
        text = " ".join(f"Sentence number {number} is here." for number in range(200))
        document = await write(stage, ALICE, base, text)
        await stage.work()
        assert (await stage.document(base, document.id)).chunks_count > 1
        await bases.update(stage.library, ALICE, base.id, BaseDraft(description="Nothing to chunk"))
        assert (await stage.document(base, document.id)).status == "indexed"
        await bases.update(stage.library, ALICE, base.id, BaseDraft(chunk_size=4096, chunk_overlap=0))
        waiting = await stage.document(base, document.id)
        assert waiting.status == "pending"
        assert waiting.chunks_count > 1
        await stage.work()
        after = await stage.document(base, document.id)
        assert (after.status, after.chunks_count) == ("indexed", 1)
        assert await stage.content(base, document.id) == text


async def test_reindexing_is_for_owners_and_counts_what_it_queues(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, visibility="public")
        for number in range(3):
            await write(stage, ALICE, base, f"Text {number}")
        await stage.work()
        with pytest.raises(Forbidden):
            await bases.reindex(stage.library, BOB, base.id)
        assert await bases.reindex(stage.library, ALICE, base.id) == 3
        assert stage.count("_document_jobs") == 3
        await stage.work()
        assert {one.status for one in (await stage.all(base)).values()} == {"indexed"}


async def test_a_deleted_base_is_gone_at_once_with_everything_of_it(tmp_path: Path) -> None:
    async with shelf(tmp_path, WordVectors()) as stage:
        base = await make(stage, ALICE, "notes")
        other = await make(stage, ALICE, "others")
        await grants.share(stage.library, ALICE, base.id, "bob", "viewer")
        for number in range(5):
            await write(stage, ALICE, base, f"Text {number}")
        await documents.add_file(stage.library, ALICE, base.id, data=b"Filed.", file_name="a.txt")
        await documents.add_file(stage.library, ALICE, other.id, data=b"Kept.", file_name="b.txt")
        await stage.work()
        await bases.delete(stage.library, ALICE, base.id)
        with pytest.raises(NotFound):
            await bases.get(stage.library, ALICE, base.id)
        assert stage.count("_knowledge_bases") == 1
        tables = ("_documents", "_document_texts", "_chunks", "_words", "_originals")
        assert {table: stage.count(table) for table in tables} == dict.fromkeys(tables, 1)
        assert stage.count("_knowledge_grants") == 0
        assert await titles(stage, ALICE, other) == ["b"]
        await make(stage, ALICE, "notes")


async def test_a_delete_that_was_cut_short_is_invisible_and_finished_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, "notes", visibility="public")
        await documents.add_file(stage.library, ALICE, base.id, data=b"Filed.", file_name="a.txt")
        await stage.store.write(stored.leave, base.number)
        for caller in (ALICE, BOB, ADMIN, SERVER, Caller(tenant="", role="admin")):
            with pytest.raises(NotFound):
                await bases.get(stage.library, caller, base.id)
            assert await names(stage, caller) == {}
        await make(stage, ALICE, "notes")
    async with shelf(tmp_path) as stage:
        await removing.tidy(stage.library)
        assert await names(stage, ALICE) == {"notes": "owner"}
        assert [stage.count(table) for table in ("_knowledge_bases", "_documents", "_originals")] == [1, 0, 0]


async def test_what_is_done_to_bases_stands_in_the_audit_trail(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN, "notes")
        await bases.update(stage.library, ADMIN, base.id, BaseDraft(description="New"))
        await bases.delete(stage.library, ADMIN, base.id)
        told = entries(stage)
        assert [one.action for one in told] == ["knowledge.create", "knowledge.update", "knowledge.delete"]
        assert {one.target for one in told} == {f"knowledge:{base.id}"}
        assert {one.actor for one in told} == {"user:root"}
        assert told[1].details["changed"] == ["description"]
        assert told[1].details["ip"] == "10.1.2.3"


async def test_of_two_who_make_the_same_name_at_once_one_is_told(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        outcomes: list[str] = []

        async def attempt() -> None:
            try:
                await make(stage, ADMIN, "notes")
                outcomes.append("made")
            except ApplianceError as error:
                outcomes.append(error.code)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(attempt)
        assert sorted(outcomes) == ["conflict"] * 4 + ["made"]
