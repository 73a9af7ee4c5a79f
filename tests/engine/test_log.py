"""The log promises: each reader gets every character and event once, in order, whatever its pace."""

import trio
from hypothesis import given
from hypothesis import strategies as st

from appliance.engine.log import Entry, Log, Wakeup
from appliance.events import Progress, TextDelta, TurnDone, TurnStarted
from appliance.messages import Usage


def text_of(entries: list[Entry]) -> str:
    return "".join(entry.event.text for entry in entries if isinstance(entry.event, TextDelta))


def started() -> TurnStarted:
    return TurnStarted(turn_id="t", message_id="m", content="hi")


def done() -> TurnDone:
    return TurnDone(turn_id="t", message_id="m", usage=Usage())


def test_neighbouring_deltas_arrive_as_one() -> None:
    log = Log(0)
    cursor = log.open_cursor(0, Wakeup())
    for piece in ("Hel", "lo", ", world"):
        log.append(TextDelta(text=piece))
    assert cursor.take() == [Entry(12, TextDelta(text="Hello, world"))]
    assert cursor.take() == []


def test_a_delta_is_not_merged_over_another_event() -> None:
    log = Log(0)
    log.append(TextDelta(text="a"))
    log.append(Progress(step="querying", message="x"))
    log.append(TextDelta(text="b"))
    assert [entry.seq for entry in log.after(0)] == [1, 2, 3]


def test_resuming_inside_a_delta_gives_the_unseen_characters_only() -> None:
    log = Log(100)
    log.append(started())
    log.append(TextDelta(text="Grüße, Welt"))
    assert log.after(104) == [Entry(112, TextDelta(text="ße, Welt"))]
    assert log.after(112) == []


@given(st.lists(st.one_of(st.text(min_size=1, max_size=5), st.just(None)), max_size=30), st.data())
def test_taking_at_any_pace_or_resuming_anywhere_loses_and_doubles_nothing(
    pieces: list[str | None], data: st.DataObject
) -> None:
    log = Log(7)
    cursor = log.open_cursor(7, Wakeup())
    seen: list[Entry] = []
    for piece in pieces:
        log.append(TextDelta(text=piece) if piece else Progress(step="thinking", message="…"))
        if data.draw(st.booleans()):
            seen += cursor.take()
        if data.draw(st.integers(0, 9)) == 0:
            cursor.close()
            cursor = log.open_cursor(cursor.position, Wakeup())
    seen += cursor.take()
    assert text_of(seen) == "".join(piece or "" for piece in pieces)
    assert sum(isinstance(entry.event, Progress) for entry in seen) == pieces.count(None)
    positions = [entry.seq for entry in seen]
    assert positions == sorted(set(positions))
    middle = data.draw(st.integers(7, log.position))
    whole = "".join(p if p is not None else "\0" for p in pieces)
    rest = "".join(e.event.text if isinstance(e.event, TextDelta) else "\0" for e in log.after(middle))
    assert rest == whole[middle - 7 :]


def test_finished_turns_leave_memory_once_all_readers_have_seen_them() -> None:
    log = Log(0)
    slow, quick = log.open_cursor(0, Wakeup()), log.open_cursor(0, Wakeup())
    for event in (started(), TextDelta(text="abc"), done()):
        log.append(event)
    quick.take()
    log.forget_read()
    assert log.start == 0
    slow.take()
    log.append(started())
    log.forget_read()
    assert log.start == 5
    assert [type(entry.event) for entry in log.after(5)] == [TurnStarted]


async def test_a_sleeping_reader_is_woken_and_a_set_before_the_wait_is_kept() -> None:
    log, wakeup = Log(0), Wakeup()
    log.open_cursor(0, wakeup)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeup.wait)
        await trio.testing.wait_all_tasks_blocked()
        log.append(started())
    log.append(done())
    with trio.fail_after(30):
        await wakeup.wait()
