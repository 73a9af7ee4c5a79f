"""The chat core where it is hard: crashes, full disks, queues, slow clients, many conversations."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import apsw
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from appliance.engine import intake, reading
from appliance.engine.catalogue import Catalogue
from appliance.engine.engine import Engine
from appliance.engine.services import Services
from appliance.errors import ConversationNotFound, StoreFull
from appliance.events import SendMessage
from appliance.identity import Caller
from appliance.messages import ToolCall
from appliance.protocols.fluxbase.chat import ChatCodec
from appliance.providers.base import ModelEvent, ModelRequest, ModelText, ModelToolCall
from appliance.server.session import Session
from appliance.settings import Settings
from appliance.store import conversations, settling
from appliance.store.database import database_path
from appliance.store.store import Store
from appliance.store.vault import Vault
from appliance.tools.sql import TOOL
from appliance.tools.sql_pool import SqlPool
from tests.support.model_replies import openai_text
from tests.support.stack import OPEN_BOT, stack, write_bots
from tests.support.wire import Frame, text_of, wire

Step: TypeAlias = str | ToolCall | trio.Event
"""Text and calls are given out; an event is waited for."""

NEVER = trio.Event
ALICE = Caller(role="authenticated", user_id="alice")

VAULT = Vault("a key of the tests, which is long enough")


class Scripted:
    """A provider within the process, so that each step happens exactly when a test says so."""

    name = "scripted"
    default_model = "scripted"
    context_tokens = 100_000

    def __init__(self, *answers: Sequence[Step]) -> None:
        self.answers = list(answers)
        self.requests: list[ModelRequest] = []

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        self.requests.append(request)
        return self._stream(self.answers[len(self.requests) - 1])

    @asynccontextmanager
    async def _stream(self, steps: Sequence[Step]) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        yield self._events(steps)

    async def _events(self, steps: Sequence[Step]) -> AsyncIterator[ModelEvent]:
        for step in steps:
            if isinstance(step, trio.Event):
                await step.wait()
            elif isinstance(step, ToolCall):
                yield ModelToolCall(step)
            else:
                yield ModelText(step)

    async def aclose(self) -> None:
        """Nothing is open."""


def endless(count: int) -> list[list[Step]]:
    """Answers that never end."""
    return [["abc", NEVER()] for _ in range(count)]


class Client:
    """A session without a socket: `new` gives the frames that would be sent next."""

    def __init__(self, engine: Engine, caller: Caller) -> None:
        self.session = Session(engine, ChatCodec(), caller)

    async def send(self, type: str, **fields: Any) -> None:
        await self.session.handle(json.dumps({"type": type, **fields}))

    async def new(self) -> list[Frame]:
        return [json.loads(frame) for frame in await self.session.frames()]

    async def until(self, *types: str) -> list[Frame]:
        got: list[Frame] = []
        with trio.fail_after(10):
            while not any(frame["type"] in types for frame in got):
                got += await self.new()
        return got

    async def start(self, **fields: Any) -> str:
        await self.send("start_chat", chatbot="shop", **fields)
        return str((await self.until("chat_started"))[-1]["conversation_id"])

    async def quiet(self) -> list[Frame]:
        """All that comes until nothing more does."""
        got: list[Frame] = []
        with trio.move_on_after(0.3):
            while True:
                got += await self.new()
        return got


@asynccontextmanager
async def opened(
    data: Path,
    provider: Scripted,
    *,
    bot: str = OPEN_BOT,
    clock: Callable[[], float] = time.time,
    **settings: Any,
) -> AsyncIterator[Engine]:
    write_bots(data / "bots", {"shop": bot})
    catalogue = Catalogue(data / "bots")
    catalogue.load()
    async with Store.open(database_path(data)) as store, SqlPool(database_path(data), workers_max=1) as sql:
        services = Services(
            settings=Settings(data=str(data), **settings),
            store=store,
            sql=sql,
            tools={TOOL.name: TOOL}
            if provider.answers and isinstance(provider.answers[0][0], ToolCall)
            else {},
            choose_provider=lambda bot: provider,
            vault=VAULT,
            clock=clock,
        )
        async with Engine.open(services, catalogue) as engine:
            yield engine


@asynccontextmanager
async def client(engine: Engine, caller: Caller = ALICE) -> AsyncIterator[Client]:
    made = Client(engine, caller)
    try:
        yield made
    finally:
        made.session.close()


def types(frames: list[Frame]) -> list[str]:
    return [frame["type"] for frame in frames]


# -- sequence numbers --------------------------------------------------------------------------------


async def test_positions_sent_before_a_crash_are_never_given_out_again_when_turns_were_queued(
    tmp_path: Path,
) -> None:
    go = trio.Event()
    provider = Scripted([go, "first"], ["x" * 500, NEVER()])
    async with opened(tmp_path, provider) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        await wait_all_tasks_blocked()
        await one.send("message", conversation_id=id, content="2")
        go.set()
        seen = 0
        while seen < 500:
            seen = max(frame["seq"] for frame in await one.new())
        stored = engine.services.store.read_now(conversations.find, id, ALICE, time.time())
        assert stored
        assert stored.reserved_seq > seen  # where a log goes on after a crash at this moment


async def test_resuming_between_the_two_frames_of_a_cancelled_turn_gives_the_second_only(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, Scripted(["abc", NEVER()])) as engine:
        async with client(engine) as one:
            id = await one.start()
            await one.send("message", conversation_id=id, content="1")
            await one.until("content")
            await one.send("cancel", conversation_id=id)
            done = next(frame for frame in await one.until("cancelled") if frame["type"] == "done")
        async with client(engine) as two:
            await two.send("resume", conversation_id=id, after=done["seq"])
            assert types(await two.quiet()) == ["resumed", "cancelled"]


async def test_a_reader_of_a_long_conversation_gets_all_of_it_from_the_start(tmp_path: Path) -> None:
    provider = Scripted(*[[f"a{n}"] for n in range(201)])
    bot = OPEN_BOT.replace("rate-limit", "max-turns: 1000\nrate-limit")
    async with opened(tmp_path, provider, bot=bot, messages_per_second_max=0) as engine:
        async with client(engine) as one:
            id = await one.start()
            for n in range(201):
                await one.send("message", conversation_id=id, content=f"q{n}")
                await one.until("done")
        async with client(engine) as two:
            await two.send("resume", conversation_id=id, after=0)
            questions = [f["content"] for f in await two.quiet() if f["type"] == "user_message"]
            assert questions == [f"q{n}" for n in range(201)]


# -- cancel ------------------------------------------------------------------------------------------


async def test_cancel_on_a_socket_that_does_not_read_the_conversation_is_answered(tmp_path: Path) -> None:
    """After a reconnect clients do not repeat `start_chat`, and people press stop."""
    async with opened(tmp_path, Scripted(["abc", NEVER()])) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        await one.until("content")
        async with client(engine) as two:
            await two.send("cancel", conversation_id=id)
            assert "cancelled" in types(await two.until("cancelled"))


async def test_cancel_is_answered_with_cancelled_when_the_answer_was_just_being_stored(
    tmp_path: Path,
) -> None:
    go = trio.Event()
    async with opened(tmp_path, Scripted(["abc", go])) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        await one.until("content")
        with slow_writes(engine):
            go.set()
            await wait_all_tasks_blocked()  # the turn waits for its commit
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: one.send("cancel", conversation_id=id))
        frames = await one.quiet()
        assert types(frames)[-2:] == ["done", "cancelled"]


async def test_cancelled_never_overtakes_the_end_of_a_turn_that_the_client_has_not_got_yet(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, Scripted(["abc"])) as engine, client(engine) as slow:
        id = await slow.start()
        await slow.send("message", conversation_id=id, content="1")
        await wait_until_idle(engine, id)
        await slow.send("cancel", conversation_id=id)
        assert types(await slow.quiet())[-2:] == ["done", "cancelled"]


# -- idempotency -------------------------------------------------------------------------------------


async def test_a_queued_message_sent_again_is_a_duplicate_also_when_the_queue_is_full(tmp_path: Path) -> None:
    async with opened(tmp_path, Scripted(["abc", NEVER()]), queue_max=1) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1", message_id="m1")
        await one.until("content")
        await one.send("message", conversation_id=id, content="2", message_id="m2")
        for known in ("m1", "m2"):
            await one.send("message", conversation_id=id, content="x", message_id=known)
        assert "error" not in types(await one.quiet())


async def test_a_queue_of_none_still_lets_one_turn_run(tmp_path: Path) -> None:
    async with opened(tmp_path, Scripted(["abc"]), queue_max=0) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        assert types(await one.until("done", "error"))[-1] == "done"


# -- storing that fails ------------------------------------------------------------------------------


async def test_an_answer_that_could_not_be_stored_gives_its_tokens_back_and_is_closed_soon(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, Scripted(["abc"], ["def"])) as engine, client(engine) as one:
        id = await one.start()
        full_disk(engine)
        await one.send("message", conversation_id=id, content="1", message_id="m1")
        await one.until("error")
        with pytest.raises(StoreFull):  # what is tried again in vain is not forgotten
            await engine.services.settler.retry(engine.services.store)
        mended(engine)
        await one.send("message", conversation_id=id, content="2")
        await one.until("done")

        def left(db: apsw.Connection) -> tuple[int, int]:
            reserved = db.execute("SELECT sum(reserved_tokens) FROM _usage").get
            return reserved, db.execute("SELECT count(*) FROM _turns WHERE ended_at IS NULL").get

        with trio.move_on_after(20):
            while await engine.services.store.read(left) != (0, 0):  # noqa: ASYNC110 nothing tells of it
                await trio.sleep(0.02)
        assert await engine.services.store.read(left) == (0, 0)


async def test_frames_of_a_resumed_log_are_in_order_after_a_failed_store_and_a_crash(tmp_path: Path) -> None:
    async with opened(tmp_path, Scripted(["abc"], ["def"])) as engine, client(engine) as one:
        id = await one.start()
        full_disk(engine)
        await one.send("message", conversation_id=id, content="1")
        await one.until("error")
        mended(engine)
        await one.send("message", conversation_id=id, content="2")
        await one.until("done")
    async with opened(tmp_path, Scripted()) as engine, client(engine) as two:
        await two.send("resume", conversation_id=id, after=0)
        positions = [frame["seq"] for frame in (await two.quiet())[1:]]
        assert positions == sorted(set(positions))


# -- the store ---------------------------------------------------------------------------------------


async def test_a_conversation_that_expired_while_the_server_was_down_is_gone(tmp_path: Path) -> None:
    now = [1_000_000.0]
    bot = OPEN_BOT.replace("persist-conversations: true", "persist-conversations: false")
    async with (
        opened(tmp_path, Scripted(["abc", NEVER()]), bot=bot, clock=lambda: now[0]) as engine,
        client(engine) as one,
    ):
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        await one.until("content")
        replace_writes(engine, unplugged)  # as a kill would
    now[0] += 100_000
    async with opened(tmp_path, Scripted(), bot=bot, clock=lambda: now[0]) as engine:
        found = engine.services.store.read_now(conversations.find, id, ALICE, now[0])
        assert found is None


async def test_a_question_is_in_the_history_as_soon_as_its_turn_runs(tmp_path: Path) -> None:
    async with opened(tmp_path, Scripted(["abc", NEVER()])) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="Remember me")
        await one.until("content")
        _, messages = await reading.conversation(engine, id, ALICE)
        assert [message.content for message in messages if message.role == "user"] == ["Remember me"]


# -- one socket --------------------------------------------------------------------------------------


async def test_an_answer_is_told_however_many_conversations_its_socket_opens_meanwhile(
    tmp_path: Path,
) -> None:
    go = trio.Event()
    async with opened(tmp_path, Scripted([go, "abc"])) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        for _ in range(100):
            await one.start()
        go.set()
        ends = await one.until("done")
        assert ends[-1]["conversation_id"] == id


async def test_a_deeply_nested_field_is_refused_and_the_socket_goes_on(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Fine.")]) as served, wire(served.ws_url) as one:
        id = await one.start()
        for nested in (
            '{"type": "message", "conversation_id": ' + "[" * 5000,
            '{"type": "message", "other": ' + "[" * 5000,
        ):
            await one.send_raw(nested)
            assert (await one.receive())["code"] == "INVALID_MESSAGE"
        assert text_of(await one.ask(id)) == "Fine."


async def test_the_conversation_is_checked_before_the_content(tmp_path: Path) -> None:
    async with opened(tmp_path, Scripted()) as engine, client(engine) as one:
        await one.send("message", conversation_id="unknown", content="")
        assert (await one.until("error"))[-1]["code"] == "NO_SESSION"


async def test_arguments_nested_too_deep_are_a_failed_tool_and_not_a_failed_turn(tmp_path: Path) -> None:
    call = ToolCall(id="c1", name=TOOL.name, arguments='{"sql": ' + "[" * 5000)
    async with opened(tmp_path, Scripted([call], ["Sorry."])) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        with trio.fail_after(10):
            frames: list[Frame] = []
            while not {"done", "error"} & set(types(frames)):
                frames += await one.new()
        assert types(frames)[-1] == "done"


async def test_stopping_cancels_all_turns_at_once_and_not_one_after_another(tmp_path: Path) -> None:
    class Reluctant(Scripted):
        """A connection that closes when all are about to, or else after a while."""

        closing = 0
        all_at_once = trio.Event()

        @asynccontextmanager
        async def _stream(self, steps: Sequence[Step]) -> AsyncIterator[AsyncIterator[ModelEvent]]:
            try:
                yield self._events(steps)
            finally:
                Reluctant.closing += 1
                if Reluctant.closing == 20:
                    self.all_at_once.set()
                with trio.move_on_after(20) as patience:
                    patience.shield = True
                    await self.all_at_once.wait()
                Reluctant.closing -= 1

    provider = Reluctant(*endless(20))
    async with opened(tmp_path, provider, shutdown_grace_s=0.0) as engine, client(engine) as one:
        for _ in range(20):
            id = await one.start()
            await one.send("message", conversation_id=id, content="1")
            await one.until("content")
        await engine.drain()
    assert provider.all_at_once.is_set()


async def test_a_message_admitted_while_its_conversation_is_deleted_does_not_run(tmp_path: Path) -> None:
    async with opened(tmp_path, Scripted(*endless(40))) as engine:
        ids = []
        async with client(engine) as one:
            ids = [await one.start() for _ in range(40)]
        for id in ids:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_send_or_not, engine, id)
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                nursery.start_soon(engine.delete, id, ALICE)
        await trio.sleep(0.1)
        assert [id for id in ids if engine.chats.is_running(id)] == []


async def _send_or_not(engine: Engine, id: str) -> None:
    with contextlib.suppress(ConversationNotFound):
        await intake.send(engine, SendMessage(conversation_id=id, content="1"), ALICE)


async def test_a_turn_that_all_readers_have_seen_does_not_stay_in_memory_while_they_idle(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, Scripted(["abc"])) as engine, client(engine) as one:
        id = await one.start()
        await one.send("message", conversation_id=id, content="1")
        await one.until("done")
        await one.quiet()
        chat = engine.chats.get(id)
        assert chat is not None
        log = chat.log
        assert log.start == log.position


# -- doing things to the store -----------------------------------------------------------------------


async def wait_until_idle(engine: Engine, id: str) -> None:
    await engine.chats.wait_idle(id)


Write = Callable[..., Awaitable[Any]]


def replace_writes(engine: Engine, write: Write) -> None:
    vars(engine.services.store)["write"] = write


class slow_writes:
    """Writes wait until the block is left, or until another task has had a chance to act."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._write: Write = engine.services.store.write

    def __enter__(self) -> None:
        async def write(fn: Any, *args: Any, **kwargs: Any) -> Any:
            await trio.sleep(0.05)
            return await self._write(fn, *args, **kwargs)

        replace_writes(self._engine, write)

    def __exit__(self, *error: object) -> None:
        mended(self._engine)


def full_disk(engine: Engine) -> None:
    """Settling and flushing fail from now on."""
    write = engine.services.store.write

    async def full(fn: Any, *args: Any, **kwargs: Any) -> Any:
        if fn in (settling.settle_all, settling.flush):
            raise StoreFull("The disk is full.")
        return await write(fn, *args, **kwargs)

    replace_writes(engine, full)


def mended(engine: Engine) -> None:
    """The store's own writing again."""
    del engine.services.store.write


async def unplugged(*args: Any, **kwargs: Any) -> None:
    """Nothing is stored any more."""
