"""Questions without an answer: the same ones together, put aside, or answered with a document and a test."""

from __future__ import annotations

import time
from pathlib import Path

import trio

from appliance.engine.bot_entries import bot_id
from appliance.knowledge import Gap
from appliance.store.database import connect, database_path
from appliance.store.knowledge import gaps
from tests.console.signed_in import SignedIn, admin_of, operator_of
from tests.support.stack import stack

SHOP = bot_id("default", "shop")


def missed(data: Path, question: str, times: int = 1, tenant: str = "default") -> None:
    """Somebody asks in vain."""
    db = connect(database_path(data))
    with db:
        for _ in range(times):
            gap = Gap(
                id=f"gap-{tenant}-{question}".replace(" ", "-").replace("?", ""),
                namespace="default",
                bot="shop",
                question=question,
                count=1,
                reason="nothing",
                best=0.0,
                conversation_id="",
                first_at=time.time(),
                last_at=time.time(),
            )
            gaps.note(db, tenant, question.lower(), gap)
    db.close()


async def test_questions_in_other_words_are_one_and_the_most_frequent_comes_first(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        missed(tmp_path, "When do you open?", 2)
        missed(tmp_path, "Do you repair lamps?", 3)
        missed(tmp_path, "Can lamps be repaired? Do you repair?", 1)
        missed(tmp_path, "Repair lamps?", 1)
        missed(tmp_path, "Where is it?", 1, tenant="acme")
        found = await admin.get("gaps")
        assert next((one["question"], one["count"]) for one in found["items"]) == ("Do you repair lamps?", 5)
        assert found["items"][0]["examples"][0] == "Do you repair lamps?"
        assert len(found["items"][0]["examples"]) == 3
        assert found["total"] == 2
        first = await admin.get("gaps", limit=1)
        assert first["next"] == "1"
        (second,) = (await admin.get("gaps", limit=1, after="1"))["items"]
        assert second["question"] == "When do you open?"


async def test_a_question_is_put_aside_until_it_is_asked_again(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin, operator_of(served, admin) as operator:
        missed(tmp_path, "When do you open?")
        (gap,) = (await operator.get("gaps"))["items"]
        assert (await operator.patch(f"gaps/{gap['id']}", {"status": "dismissed"}))["status"] == "dismissed"
        assert (await operator.get("gaps"))["total"] == 0
        assert (await operator.get("gaps", status="dismissed"))["total"] == 1
        missed(tmp_path, "When do you open?")
        assert (await operator.get("gaps"))["items"][0]["count"] == 2
        assert "gap.dismiss" in await admin.actions()


async def test_an_answer_becomes_a_document_of_the_bot_and_a_test_that_it_is_cited(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, embedding_provider="none") as served,
        admin_of(served) as admin,
        operator_of(served, admin) as operator,
    ):
        missed(tmp_path, "When is the shop open?")
        (gap,) = (await operator.get("gaps"))["items"]
        content = "The shop is open on weekdays from nine to five."
        made = await operator.post(f"gaps/{gap['id']}/answer", {"content": content, "add_test": True})
        base = made["knowledge_base_id"]
        (test,) = (await admin.get(f"bots/{SHOP}/tests"))["items"]
        assert (test["id"], test["ask"]) == (made["test_id"], "When is the shop open?")
        assert test["cites"] == ["When is the shop open?"]
        document = await admin.get(f"knowledge-bases/{base}/documents/{made['document_id']}")
        assert document["content"] == f"# When is the shop open?\n\n{content}\n"
        linked = (await admin.get(f"bots/{SHOP}"))["knowledge_bases"]
        assert [one["id"] for one in linked] == [base]
        assert (await operator.get("gaps", status="answered"))["items"][0]["document_id"] == made[
            "document_id"
        ]
        await indexed(admin, base)
        run = await admin.post(f"bots/{SHOP}/tests/run")
        assert (run["passed"], run["failed"]) == (1, 0), run
        missed(tmp_path, "Do you deliver?")
        (gap,) = (await operator.get("gaps"))["items"]
        again = await operator.post(f"gaps/{gap['id']}/answer", {"content": "Yes.", "add_test": False})
        assert (again["knowledge_base_id"], again["test_id"]) == (base, None)
        actors = {one["actor"] for one in (await admin.get("audit", action="gap.answer"))["items"]}
        assert actors == {"admin:olga"}


async def test_bad_answers_and_unknown_questions_change_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        missed(tmp_path, "When do you open?")
        missed(tmp_path, "Where is it?", tenant="acme")
        (gap,) = (await admin.get("gaps"))["items"]
        for bad in ({}, {"content": " "}, {"content": 3}):
            assert (await admin.refused("POST", f"gaps/{gap['id']}/answer", bad))[0] == 400
        nowhere = {"content": "Yes.", "knowledge_base": "nowhere"}
        assert (await admin.refused("POST", f"gaps/{gap['id']}/answer", nowhere))[0] == 404
        assert (await admin.refused("PATCH", f"gaps/{gap['id']}", {"status": "closed"}))[0] == 400
        for other in ("gap-acme-Where-is-it", "nobody"):
            assert (await admin.refused("PATCH", f"gaps/{other}", {"status": "open"}))[:2] == (
                404,
                "NOT_FOUND",
            )
        assert (await admin.refused("GET", "gaps?status=closed"))[0] == 400
        assert (await admin.refused("GET", "gaps?after=x"))[0] == 400
        assert (await admin.get("gaps"))["items"] == [gap]
        assert (await admin.get("knowledge-bases"))["count"] == 0


async def indexed(admin: SignedIn, base: str) -> None:
    """Wait until every document can be found."""
    with trio.fail_after(20):
        while True:
            found = await admin.get(f"knowledge-bases/{base}/documents")
            if all(one["status"] == "indexed" for one in found["documents"]):
                return
            await trio.sleep(0.02)
