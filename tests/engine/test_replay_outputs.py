"""A message that came with the outputs of the client's tools, as the stored log tells it."""

from __future__ import annotations

from appliance.engine import replay
from appliance.events import ToolFinished, TurnDone, TurnStarted
from appliance.messages import Message, ToolResult, ToolResultPart, Usage

OUTPUT = ToolResult(call_id="call_1", name="get_place", ok=True, content="Lund")


def test_an_answer_that_begins_with_outputs_and_has_its_own_question_begins_once() -> None:
    question = Message(
        id="m1", conversation_id="c", turn_id="t", role="user", status="done", content="and now?", first_seq=5
    )
    answer = Message(
        id="m2",
        conversation_id="c",
        turn_id="t",
        role="assistant",
        status="done",
        parts=[ToolResultPart(seq=6, result=OUTPUT)],
        usage=Usage(),
        first_seq=6,
        last_seq=7,
    )
    told = replay.entries([question, answer], end=7)
    assert [type(entry.event) for entry in told] == [TurnStarted, ToolFinished, TurnDone]
    assert isinstance(told[0].event, TurnStarted)
    assert (told[0].event.content, told[0].event.continues) == ("and now?", False)
    [went_on, *_] = replay.entries([answer], end=7)
    assert isinstance(went_on.event, TurnStarted)
    assert went_on.event.continues, "without a question of its own it goes on in the answer before"
