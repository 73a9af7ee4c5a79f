"""Sharing bases and single documents."""

from pathlib import Path

import pytest

from appliance.engine.knowledge import bases, documents, grants, searching
from appliance.errors import AuthRequired, Forbidden, InvalidInput, NotFound
from appliance.identity import Caller
from appliance.knowledge import DocumentFilter
from tests.engine.knowledge.people import (
    ADMIN,
    ALICE,
    ALICE_ELSEWHERE,
    ANYBODY,
    BOB,
    entries,
    make,
    titles,
    write,
)
from tests.engine.knowledge.shelf import WordVectors, shelf

BOB_ELSEWHERE = Caller(tenant="acme", role="authenticated", user_id="bob")


async def test_a_grant_can_be_raised_and_keeps_its_id(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        first = await grants.share(stage.library, ALICE, base.id, " bob ", "viewer")
        assert (first.user_id, first.permission, first.granted_by) == ("bob", "viewer", "alice")
        stage.now += 5
        second = await grants.share(stage.library, ADMIN, base.id, "bob", "owner")
        assert (second.id, second.permission, second.granted_by) == (first.id, "owner", "root")
        assert await grants.listed(stage.library, ALICE, base.id) == [second]
        assert (await bases.get(stage.library, BOB, base.id, "owner"))[1] == "owner"


async def test_only_owners_share_and_see_with_whom_it_is_shared(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, visibility="public")
        await grants.share(stage.library, ALICE, base.id, "bob", "editor")
        with pytest.raises(Forbidden):
            await grants.share(stage.library, BOB, base.id, "carol", "viewer")
        with pytest.raises(Forbidden):
            await grants.listed(stage.library, BOB, base.id)
        with pytest.raises(AuthRequired):
            await grants.listed(stage.library, ANYBODY, base.id)
        await grants.share(stage.library, ALICE, base.id, "bob", "owner")
        await grants.share(stage.library, BOB, base.id, "carol", "viewer")
        assert [one.user_id for one in await grants.listed(stage.library, BOB, base.id)] == ["bob", "carol"]


async def test_a_revoked_grant_ends_at_once(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        await grants.share(stage.library, ALICE, base.id, "bob", "viewer")
        await grants.revoke(stage.library, ALICE, base.id, "bob")
        with pytest.raises(NotFound):
            await bases.get(stage.library, BOB, base.id)
        with pytest.raises(NotFound, match="no permission of their own"):
            await grants.revoke(stage.library, ALICE, base.id, "bob")


async def test_a_user_may_give_back_their_own_grant_and_no_other(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        for user in ("bob", "carol"):
            await grants.share(stage.library, ALICE, base.id, user, "viewer")
        with pytest.raises(Forbidden):
            await grants.revoke(stage.library, BOB, base.id, "carol")
        await grants.revoke(stage.library, BOB, base.id, "bob")
        assert [one.user_id for one in await grants.listed(stage.library, ALICE, base.id)] == ["carol"]


@pytest.mark.parametrize(
    ("user", "permission", "told"),
    [
        ("bob", "admin", "viewer, editor, owner"),
        ("", "viewer", "user_id is missing"),
        ("a\nb", "viewer", "one line"),
        ("x" * 256, "viewer", "at most 255"),
        ("alice", "viewer", "owns the knowledge base already"),
    ],
)
async def test_a_grant_that_makes_no_sense_is_refused(
    tmp_path: Path, user: str, permission: str, told: str
) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        with pytest.raises(InvalidInput, match=told):
            await grants.share(stage.library, ALICE, base.id, user, permission)
        assert stage.count("_knowledge_grants") == 0


async def test_a_shared_document_is_seen_and_found_without_any_right_on_its_base(tmp_path: Path) -> None:
    async with shelf(tmp_path, WordVectors()) as stage:
        base = await make(stage, ALICE)
        shown = await write(stage, ALICE, base, "The budget is ten euros.", title="Shown")
        hidden = await write(stage, ALICE, base, "The budget is a secret.", title="Hidden")
        await stage.work()
        await grants.share_document(stage.library, ALICE, base.id, shown.id, "bob", "viewer")
        assert (await documents.get(stage.library, BOB, base.id, shown.id))[1] == "The budget is ten euros."
        assert (await documents.chunks(stage.library, BOB, base.id, shown.id))[1] == 1
        with pytest.raises(NotFound):
            await documents.get(stage.library, BOB, base.id, hidden.id)
        for call in (documents.listed, bases.delete, grants.listed):
            with pytest.raises(NotFound, match="no such knowledge base"):
                await call(stage.library, BOB, base.id)
        assert await bases.listed(stage.library, BOB) == []
        for mode in ("keyword", "semantic", "hybrid"):
            found = await searching.in_base(
                stage.library, BOB, base.id, text="budget", mode=mode, threshold=0.0
            )
            assert [passage.title for passage in found.passages] == ["Shown"], mode
        narrowed = await searching.in_base(
            stage.library, BOB, base.id, text="budget", filter=DocumentFilter(documents=[hidden.id])
        )
        assert narrowed.passages == []
        for stranger in (BOB_ELSEWHERE, Caller(role="authenticated", user_id="carol")):
            with pytest.raises(NotFound, match="no such knowledge base"):
                await documents.get(stage.library, stranger, base.id, shown.id)
            with pytest.raises(NotFound, match="no such knowledge base"):
                await searching.in_base(stage.library, stranger, base.id, text="budget")


async def test_who_was_given_a_document_to_edit_changes_it_and_deletes_nothing(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base)
        await grants.share_document(stage.library, ALICE, base.id, document.id, "bob", "viewer")
        with pytest.raises(Forbidden):
            await documents.update(stage.library, BOB, base.id, document.id, title="Bob was here")
        await grants.share_document(stage.library, ALICE, base.id, document.id, "bob", "editor")
        changed = await documents.update(stage.library, BOB, base.id, document.id, title="Bob was here")
        assert changed.title == "Bob was here"
        with pytest.raises(Forbidden):
            await documents.delete(stage.library, BOB, base.id, document.id)
        with pytest.raises(Forbidden):
            await grants.share_document(stage.library, BOB, base.id, document.id, "carol", "viewer")
        with pytest.raises(InvalidInput, match="viewer, editor"):
            await grants.share_document(stage.library, ALICE, base.id, document.id, "bob", "owner")


async def test_a_user_shares_their_own_document_and_the_owner_of_the_base_cannot(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        await grants.share(stage.library, ALICE, base.id, "bob", "editor")
        secret = await write(stage, BOB, base, "Bob's", own=True)
        with pytest.raises(NotFound):
            await grants.share_document(stage.library, ALICE, base.id, secret.id, "alice", "viewer")
        assert await titles(stage, ALICE, base) == []
        await grants.share_document(stage.library, BOB, base.id, secret.id, "alice", "viewer")
        assert await titles(stage, ALICE, base) == ["Bob's"]
        (grant,) = await grants.listed_of_document(stage.library, BOB, base.id, secret.id)
        assert (grant.user_id, grant.permission) == ("alice", "viewer")
        await grants.revoke_document(stage.library, BOB, base.id, secret.id, "alice")
        assert await titles(stage, ALICE, base) == []
        with pytest.raises(NotFound):
            await grants.revoke_document(stage.library, BOB, base.id, secret.id, "alice")


async def test_a_grant_in_one_tenant_is_none_for_a_namesake_in_another(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        await grants.share(stage.library, ALICE, base.id, "bob", "owner")
        with pytest.raises(NotFound):
            await bases.get(stage.library, BOB_ELSEWHERE, base.id)
        with pytest.raises(NotFound):
            await grants.share(stage.library, ALICE_ELSEWHERE, base.id, "bob", "owner")


async def test_sharing_and_revoking_stand_in_the_audit_trail(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        document = await write(stage, ALICE, base)
        await grants.share(stage.library, ALICE, base.id, "bob", "viewer")
        await grants.revoke(stage.library, ALICE, base.id, "bob")
        await grants.share_document(stage.library, ALICE, base.id, document.id, "bob", "viewer")
        await grants.revoke_document(stage.library, ALICE, base.id, document.id, "bob")
        told = [one for one in entries(stage) if one.action in ("knowledge.share", "knowledge.revoke")]
        assert [(one.action, one.details.get("document")) for one in told] == [
            ("knowledge.share", None),
            ("knowledge.revoke", None),
            ("knowledge.share", document.id),
            ("knowledge.revoke", document.id),
        ]
        assert {one.details["user"] for one in told} == {"bob"}
