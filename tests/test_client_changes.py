"""The Python client proposes, confirms and declines changes of real rows, also over a network that is cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from appliance.client import AIChat, Change, ChatError
from tests.support.change_stage import Scene, change_stage
from tests.test_client import until, until_done

FAST = {"reconnect_delay_s": 0.01}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with change_stage(tmp_path) as scene:
        yield scene


async def proposed(chat: AIChat, question: str) -> tuple[str, Change]:
    """The conversation and what its bot proposes."""
    answer = chat.ask("shop", question)
    changes = [event.change async for event in answer if event.change]
    assert [change.status for change in changes] == ["proposed"]
    return answer.conversation_id or "", changes[0]


async def test_a_change_is_proposed_confirmed_and_made(scene: Scene) -> None:
    told: list[tuple[str, str, str]] = []
    queries: list[tuple[object, ...]] = []
    async with AIChat(
        scene.ws_url,
        scene.served.token("alice"),
        on_change=lambda change, summary, where: told.append((change.status, summary, where)),
        on_query_result=lambda *values: queries.append(values),
    ) as chat:
        answer = chat.ask("shop", "pay")
        [change] = [event.change async for event in answer if event.change]
        assert (change.operation, change.table, len(change.rows)) == ("UPDATE", "orders", 2)
        row = change.rows[0]
        assert row.before is not None
        assert row.after is not None
        assert (row.before["status"], row.after["status"]) == ("new", "paid")
        assert change.expires_at
        assert scene.orders() == [(1, "new"), (2, "new"), (3, "sent")]
        decision = answer.confirm(change.id, True)
        events = [event async for event in decision]
        assert scene.orders() == [(1, "paid"), (2, "paid"), (3, "sent")]
        [made] = [event for event in events if event.change]
        assert made.change is not None
        assert (made.change.id, made.change.status) == (change.id, "applied")
        assert decision.text == "Noted."
        with pytest.raises(ChatError) as refused:
            async for _ in answer.confirm(change.id, False):
                pass
        assert refused.value.code == "CHANGE_DECIDED"
        with pytest.raises(ChatError) as unknown:
            async for _ in answer.confirm("made up", True):
                pass
        assert unknown.value.code == "CHANGE_NOT_FOUND"
    assert [(status, where) for status, _, where in told] == [
        ("proposed", answer.conversation_id),
        ("applied", answer.conversation_id),
    ]
    assert told[0][1].startswith("Proposed: change 2 rows of orders")
    assert len(queries) == 2


async def test_a_declined_deletion_leaves_the_rows(scene: Scene) -> None:
    async with AIChat(scene.ws_url, scene.served.token("alice")) as chat:
        where, change = await proposed(chat, "delete")
        assert change.rows[0].after is None
        events = chat.events(where)
        message_id = chat.confirm(where, change.id, False)
        read = await until_done(events)
    assert [event.change.status for event in read if event.change] == ["declined"]
    [mine] = [event for event in read if event.type == "user_message"]
    assert mine.client_message_id == message_id
    assert mine.content == "Declined: delete 1 row of orders"
    assert scene.orders()[0] == (1, "new")


async def test_a_decision_that_got_lost_is_sent_again_and_acts_once(scene: Scene) -> None:
    async with AIChat(scene.ws_url, scene.served.token("alice"), **FAST) as chat:
        where, change = await proposed(chat, "add")
        events = chat.events(where)
        scene.network.deaf = True
        message_id = chat.confirm(where, change.id, True)
        await trio.sleep(0.05)
        assert len(scene.orders()) == 3
        scene.network.deaf = False
        await scene.network.cut()
        read = await until_done(events)
        chat.confirm(where, change.id, True, message_id)  # the same word again
        await until(lambda: len(scene.orders()) == 4)
    assert [event.change.status for event in read if event.change] == ["applied"]
    assert "disconnected" not in [event.type for event in read]
    assert len(scene.orders()) == 4


async def test_a_decision_made_while_offline_is_carried_out_after_the_reconnect(scene: Scene) -> None:
    async with AIChat(scene.ws_url, scene.served.token("alice"), **FAST) as chat:
        where, change = await proposed(chat, "delete")
        scene.network.open = False
        await scene.network.cut()
        await until(lambda: not chat.is_connected())
        events = chat.events(where)
        chat.confirm(where, change.id, True)
        scene.network.open = True
        await until_done(events)
    assert [id for id, _ in scene.orders()] == [2, 3]


async def test_a_result_tells_its_types_and_where_all_rows_are(scene: Scene) -> None:
    async with AIChat(scene.ws_url, scene.served.token("alice")) as chat:
        [result] = [event async for event in chat.ask("shop", "list") if event.type == "query_result"]
    assert dict(zip(result.columns, result.types, strict=True)) == {
        "id": "integer",
        "day": "date",
        "at": "datetime",
        "big": "integer",
        "amount": "number",
        "price": "decimal",
        "ok": "boolean",
        "file": "blob",
        "word": "text",
    }
    assert result.result_id
    assert result.change is None
