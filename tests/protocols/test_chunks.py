"""The chunks of one turn: golden frames in both dialects, and the table of what the AI SDK takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.engine.log import Entry
from appliance.events import (
    ConversationDeleted,
    EventPosted,
    LogEvent,
    MessageDeleted,
    MessagePosted,
    PersonJoined,
    PersonLeft,
    Progress,
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import Change, QueryOutcome, RowChange, ToolCall, ToolResult, Usage
from appliance.protocols.chunks import ChunkCodec, Ended, empty_stream, finish_reason
from appliance.protocols.tool_values import input_of, output_of

TURN = "turn-1"
USAGE = Usage(prompt_tokens=11, completion_tokens=7)
STARTED = TurnStarted(turn_id=TURN, message_id="u1", content="Hello", answer_id="a1")
DONE = TurnDone(turn_id=TURN, message_id="a1", usage=USAGE)
CALL = ToolCall(id="call_1", name="execute_sql", arguments='{"sql": "SELECT 1"}')
QUERY = QueryOutcome(
    sql="SELECT 1", summary="1 row", columns=["one"], rows=[[1]], row_count=1, types=["integer"]
)
RESULT = ToolResult(call_id="call_1", name="execute_sql", ok=True, content='{"rows": [[1]]}', query=QUERY)

KEYS: dict[str, tuple[set[str], set[str]]] = {
    # type: required, optional
    "start": (set(), {"messageId", "messageMetadata"}),
    "start-step": (set(), set()),
    "finish-step": (set(), set()),
    "source-url": ({"sourceId", "url"}, {"title"}),
    "source-document": ({"sourceId", "mediaType", "title"}, {"filename"}),
    "data-sources": ({"data"}, {"id"}),
    "text-start": ({"id"}, set()),
    "text-delta": ({"id", "delta"}, set()),
    "text-end": ({"id"}, set()),
    "reasoning-start": ({"id"}, set()),
    "reasoning-delta": ({"id", "delta"}, set()),
    "reasoning-end": ({"id"}, set()),
    "tool-input-start": ({"toolCallId", "toolName"}, {"providerExecuted", "dynamic"}),
    "tool-input-delta": ({"toolCallId", "inputTextDelta"}, set()),
    "tool-input-available": ({"toolCallId", "toolName", "input"}, {"providerExecuted", "dynamic"}),
    "tool-output-available": ({"toolCallId", "output"}, {"providerExecuted", "dynamic"}),
    # 5.0.92 has these two keys here as well, and does not find a dynamic call without them.
    "tool-output-error": ({"toolCallId", "errorText"}, {"providerExecuted", "dynamic"}),
    "data-progress": ({"data"}, {"id", "transient"}),
    "data-query-result": ({"data"}, {"id", "transient"}),
    "data-handoff": ({"data"}, {"transient"}),
    "data-operator": ({"data"}, set()),
    "error": ({"errorText"}, set()),
    "abort": (set(), set()),
    "finish": ({"finishReason"}, {"messageMetadata"}),
}
"""Section 5, as far as every promised release takes it."""
ANY_VALUE = {"input", "output", "data", "messageMetadata"}
REASONS = {"stop", "length", "tool-calls", "error"}


def finished(event: Ended) -> Mapping[str, Any]:
    return {"messageId": "a1", "finishReason": finish_reason(event)}


def codec(**options: Any) -> ChunkCodec:
    given = {"start_id": "a1", "started": {"conversationId": "c1"}, "finished": finished, **options}
    return ChunkCodec(TURN, **given)


def frames(*events: LogEvent, **options: Any) -> list[str]:
    """All frames of a turn with these events, from `begin` on."""
    one = codec(**options)
    return [*one.begin(), *(frame for event in events for frame in one.encode(Entry(1, event)))]


def chunks(*events: LogEvent, **options: Any) -> list[dict[str, Any]]:
    """The same as objects; of Server-Sent Events without the `[DONE]`."""
    told = [frame.removeprefix("data: ").strip() for frame in frames(*events, **options)]
    return [json.loads(text) for text in told if text != "[DONE]"]


def kinds(*events: LogEvent, **options: Any) -> list[str]:
    return [chunk["type"] for chunk in chunks(*events, **options)]


# -- golden frames ------------------------------------------------------------------------------------


def test_a_plain_answer_is_these_events_to_the_byte() -> None:
    told = frames(STARTED, TextDelta(text="Quantum"), TextDelta(text=" «über»"), DONE)
    assert "".join(told) == (
        'data: {"type":"start","messageId":"a1","messageMetadata":{"conversationId":"c1"}}\n\n'
        'data: {"type":"start-step"}\n\n'
        'data: {"type":"text-start","id":"txt_1"}\n\n'
        'data: {"type":"text-delta","id":"txt_1","delta":"Quantum"}\n\n'
        'data: {"type":"text-delta","id":"txt_1","delta":" «über»"}\n\n'
        'data: {"type":"text-end","id":"txt_1"}\n\n'
        'data: {"type":"finish-step"}\n\n'
        'data: {"type":"finish","finishReason":"stop",'
        '"messageMetadata":{"messageId":"a1","finishReason":"stop"}}\n\n'
        "data: [DONE]\n\n"
    )


def test_the_same_answer_as_lines_has_its_metadata_twice_and_no_done() -> None:
    told = frames(STARTED, TextDelta(text="Quantum"), DONE, lines=True)
    assert "".join(told) == (
        '{"type":"start","messageId":"a1","messageMetadata":{"conversationId":"c1"}}\n'
        '{"type":"start-step"}\n'
        '{"type":"text-start","id":"txt_1"}\n'
        '{"type":"text-delta","id":"txt_1","delta":"Quantum"}\n'
        '{"type":"text-end","id":"txt_1"}\n'
        '{"type":"finish-step"}\n'
        '{"type":"finish","finishReason":"stop",'
        '"messageMetadata":{"messageId":"a1","finishReason":"stop"},'
        '"metadata":{"messageId":"a1","finishReason":"stop"}}\n'
    )
    assert all(frame.count("\n") == 1 for frame in told)


def test_a_tool_that_runs_here_is_told_in_its_step_and_the_words_after_it_in_the_next() -> None:
    told = chunks(
        STARTED,
        Progress(step="generating", message="Generating response..."),
        TextDelta(text="Let me look."),
        ToolCalled(call=CALL),
        ToolFinished(result=RESULT),
        TextDelta(text="One."),
        DONE,
    )
    ours = {"providerExecuted": True, "dynamic": True}
    assert told[1:-1] == [
        {
            "type": "data-progress",
            "data": {"step": "generating", "message": "Generating response..."},
            "transient": True,
        },
        {"type": "start-step"},
        {"type": "text-start", "id": "txt_1"},
        {"type": "text-delta", "id": "txt_1", "delta": "Let me look."},
        {"type": "text-end", "id": "txt_1"},
        {"type": "tool-input-start", "toolCallId": "call_1", "toolName": "execute_sql", **ours},
        {
            "type": "tool-input-available",
            "toolCallId": "call_1",
            "toolName": "execute_sql",
            "input": {"sql": "SELECT 1"},
            **ours,
        },
        {"type": "tool-output-available", "toolCallId": "call_1", "output": {"rows": [[1]]}, **ours},
        {
            "type": "data-query-result",
            "id": "call_1",
            "data": {
                "toolCallId": "call_1",
                "query": "SELECT 1",
                "summary": "1 row",
                "columns": ["one"],
                "types": ["integer"],
                "rows": [[1]],
                "rowCount": 1,
                "truncated": False,
            },
        },
        {"type": "finish-step"},
        {"type": "start-step"},
        {"type": "text-start", "id": "txt_2"},
        {"type": "text-delta", "id": "txt_2", "delta": "One."},
        {"type": "text-end", "id": "txt_2"},
        {"type": "finish-step"},
    ]


def test_a_tool_of_the_client_ends_the_answer_and_is_not_the_servers() -> None:
    done = TurnDone(turn_id=TURN, message_id="a1", usage=USAGE, finish="tool_calls")
    call = ToolCall(id="call_9", name="get_place", arguments="")
    told = chunks(STARTED, ToolCalled(call=call, by_client=True), done)
    assert told[2:] == [
        {"type": "tool-input-start", "toolCallId": "call_9", "toolName": "get_place"},
        {"type": "tool-input-available", "toolCallId": "call_9", "toolName": "get_place", "input": {}},
        {"type": "finish-step"},
        {
            "type": "finish",
            "finishReason": "tool-calls",
            "messageMetadata": {"messageId": "a1", "finishReason": "tool-calls"},
        },
    ]


def test_an_answer_that_goes_on_names_the_clients_message_or_none_and_not_its_outputs() -> None:
    output = ToolFinished(result=ToolResult(call_id="call_9", name="get_place", ok=True, content='"Lund"'))
    events = (STARTED, output, TextDelta(text="Lund."), DONE)
    assert chunks(*events, start_id="page-7")[0]["messageId"] == "page-7"
    assert "messageId" not in chunks(*events, start_id=None)[0]
    assert "tool-output-available" not in kinds(*events)


def test_a_message_told_again_with_the_turns_before_it_does_not_run_the_pages_tool_again() -> None:
    before = TurnStarted(turn_id="turn-0", message_id="u1", content="Where?", answer_id="a0")
    asked = TurnDone(turn_id="turn-0", message_id="a0", usage=USAGE, finish="tool_calls")
    call = ToolCall(id="call_9", name="get_place", arguments='{"precise":true}')
    output = ToolResult(call_id="call_9", name="get_place", ok=True, content='{"city":"Lund"}')
    told = chunks(
        before,
        TextDelta(text="Wait."),
        ToolCalled(call=call, by_client=True),
        asked,
        STARTED,
        ToolFinished(result=output),
        TextDelta(text="Lund."),
        DONE,
        earlier=["turn-0"],
    )
    assert [chunk["type"] for chunk in told] == [
        *("start", "start-step", "text-start", "text-delta", "text-end", "tool-input-start"),
        *("tool-input-delta", "finish-step", "tool-output-available"),
        *("start-step", "text-start", "text-delta", "text-end", "finish-step", "finish"),
    ]
    assert told[6]["inputTextDelta"] == '{"precise":true}'
    assert told[8] == {
        "type": "tool-output-available",
        "toolCallId": "call_9",
        "output": {"city": "Lund"},
    }


def test_a_thought_is_a_reasoning_block_and_never_a_tool() -> None:
    think = ToolCall(id="t1", name="think", arguments='{"analysis": "private"}')
    result = ToolResult(call_id="t1", name="think", ok=True, content="{}")
    events = (STARTED, ToolCalled(call=think), ToolFinished(result=result), TextDelta(text="Yes."), DONE)
    assert "private" not in "".join(frames(*events))
    shown = Progress(step="reasoning", message="First this, then that.")
    told = chunks(STARTED, ToolCalled(call=think), shown, *events[2:])
    assert [chunk["type"] for chunk in told[1:6]] == [
        *("start-step", "reasoning-start", "reasoning-delta", "reasoning-end", "finish-step")
    ]
    assert told[3]["delta"] == "First this, then that."


def test_a_call_of_the_model_after_results_is_a_step_of_its_own() -> None:
    generating = Progress(step="generating", message="…")
    more = ToolCall(id="call_2", name="http_get", arguments="{}")
    told = kinds(
        STARTED,
        generating,
        ToolCalled(call=CALL),
        ToolFinished(result=RESULT),
        generating,
        ToolCalled(call=more),
        DONE,
    )
    assert told.count("start-step") == told.count("finish-step") == 2


# -- endings ------------------------------------------------------------------------------------------


def test_a_failure_closes_the_text_tells_why_and_finishes_with_error() -> None:
    failed = TurnFailed(
        turn_id=TURN, message_id="a1", usage=USAGE, code="provider_broken", message="It broke."
    )
    told = chunks(STARTED, TextDelta(text="Half"), failed)
    assert told[-3:] == [
        {"type": "text-end", "id": "txt_1"},
        {"type": "error", "errorText": "It broke."},
        {
            "type": "finish",
            "finishReason": "error",
            "messageMetadata": {"messageId": "a1", "finishReason": "error"},
        },
    ]
    assert frames(STARTED, failed)[-1] == "data: [DONE]\n\n"


def test_a_stop_closes_the_text_and_aborts_without_a_finish() -> None:
    stopped = TurnCancelled(turn_id=TURN, message_id="a1", usage=USAGE)
    told = frames(STARTED, TextDelta(text="Half"), stopped)
    assert told[-3:] == [
        'data: {"type":"text-end","id":"txt_1"}\n\n',
        'data: {"type":"abort"}\n\n',
        "data: [DONE]\n\n",
    ]


@pytest.mark.parametrize("reason", ["shutdown", "deleted", "orphaned"])
def test_an_end_that_nobody_asked_for_is_an_error(reason: Any) -> None:
    ended = TurnCancelled(turn_id=TURN, message_id="a1", usage=USAGE, reason=reason)
    told = chunks(STARTED, TextDelta(text="Half"), ended)
    assert [chunk["type"] for chunk in told[-3:]] == ["text-end", "error", "finish"]
    assert len(told[-2]["errorText"].split()) > 3


def test_a_conversation_that_is_deleted_ends_the_stream() -> None:
    one = codec()
    told = one.encode(Entry(1, ConversationDeleted()))
    assert '"type":"error"' in told[0]
    assert one.ended


def test_nothing_follows_the_end() -> None:
    one = codec()
    for event in (STARTED, DONE):
        one.encode(Entry(1, event))
    assert one.ended
    assert one.encode(Entry(2, TextDelta(text="more"))) == []
    assert one.encode(Entry(3, DONE)) == []


def test_what_belongs_to_other_turns_is_passed_over() -> None:
    other = TurnStarted(turn_id="turn-0", message_id="u0", content="Before")
    end = TurnDone(turn_id="turn-0", message_id="a0", usage=USAGE)
    told = chunks(
        other, TextDelta(text="old"), ToolCalled(call=CALL), end, STARTED, TextDelta(text="new"), DONE
    )
    assert [chunk["delta"] for chunk in told if chunk["type"] == "text-delta"] == ["new"]
    assert "tool-input-start" not in [chunk["type"] for chunk in told]


def test_what_people_do_meanwhile_is_not_part_of_the_answer() -> None:
    around: list[LogEvent] = [
        MessagePosted(message_id="u2", turn_id="", content="Psst", author="user:bob", at=1.0),
        MessageDeleted(message_id="u2", author="user:bob"),
        PersonJoined(person="user:bob"),
        PersonLeft(person="user:bob"),
        EventPosted(event_id="e1", author="user:bob", payload={}, at=1.0),
    ]
    assert frames(STARTED, *around, TextDelta(text="Hi"), DONE) == frames(STARTED, TextDelta(text="Hi"), DONE)


def test_a_message_that_nobody_answers_is_start_and_finish() -> None:
    reply = empty_stream(start_id=None, started={"conversationId": "c1"}, finished={"finishReason": "stop"})
    assert reply.body == (
        'data: {"type":"start","messageMetadata":{"conversationId":"c1"}}\n\n'
        'data: {"type":"finish","finishReason":"stop","messageMetadata":{"finishReason":"stop"}}\n\n'
        "data: [DONE]\n\n"
    )
    lines = empty_stream(start_id="a1", started={}, finished={}, lines=True)
    assert lines.body == '{"type":"start","messageId":"a1"}\n{"type":"finish","finishReason":"stop"}\n'
    assert lines.content_type.startswith("application/x-ndjson")


# -- lines --------------------------------------------------------------------------------------------


def test_lines_cut_long_text_and_leave_out_what_may_be_big() -> None:
    text = "abcdefghi\n" * 250
    shown = Progress(step="reasoning", message="Hm.")
    told = frames(
        STARTED,
        shown,
        ToolCalled(call=CALL),
        ToolFinished(result=RESULT),
        TextDelta(text=text),
        DONE,
        lines=True,
    )
    parsed = [json.loads(line) for line in told]
    deltas = [chunk["delta"] for chunk in parsed if chunk["type"] == "text-delta"]
    assert "".join(deltas) == text
    assert [len(delta) for delta in deltas] == [1000, 1000, 500]
    assert not [chunk for chunk in parsed if chunk["type"].startswith(("data-", "reasoning-"))]
    assert "tool-output-available" in [chunk["type"] for chunk in parsed]


def test_each_line_goes_alone_and_silence_is_an_empty_line() -> None:
    lines, events = codec(lines=True), codec()
    assert lines.apart
    assert lines.heartbeat() == ["\n"]
    assert not events.apart
    assert events.heartbeat() == [": keep-alive\n\n"]


# -- values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", {}),
        ("  ", {}),
        ('{"a":1}', {"a": 1}),
        ("{oops", "{oops"),
        ('"\\ud800"', '"\\ud800"'),
        ("[" * 5000,) * 2,
    ],
)
def test_arguments_are_json_where_they_are_json(arguments: str, told: Any) -> None:
    assert input_of(ToolCall(id="c", name="n", arguments=arguments)) == told


def test_outputs_are_json_where_they_are_json() -> None:
    def output(content: str) -> Any:
        return output_of(ToolResult(call_id="c", name="n", ok=True, content=content))

    assert output('{"a": [1]}') == {"a": [1]}
    assert output("Sunny, 21 degrees") == "Sunny, 21 degrees"


@pytest.mark.parametrize("content", ["No such table.", '{"error":"No such table."}'])
def test_a_failed_tool_tells_people_why(content: str) -> None:
    failed = ToolResult(call_id="call_1", name="execute_sql", ok=False, content=content)
    told = chunks(STARTED, ToolCalled(call=CALL), ToolFinished(result=failed), DONE)
    [error] = [chunk["errorText"] for chunk in told if chunk["type"] == "tool-output-error"]
    assert error == "No such table."


def test_a_proposed_change_is_told_with_its_rows() -> None:
    change = Change(
        id="ch1", operation="UPDATE", table="users", status="proposed", rows=[RowChange(after={"id": 1})]
    )
    result = ToolResult(
        call_id="call_1",
        name="execute_sql",
        ok=True,
        content="ok",
        query=QueryOutcome(sql="…", change=change),
    )
    told = chunks(STARTED, ToolCalled(call=CALL), ToolFinished(result=result), DONE)
    [data] = [chunk["data"] for chunk in told if chunk["type"] == "data-query-result"]
    assert data["change"]["status"] == "proposed"
    assert data["change"]["rows"] == [{"before": None, "after": {"id": 1}}]


# -- the table of section 5 -----------------------------------------------------------------------------


def check_table(told: Sequence[dict[str, Any]]) -> None:
    """Every chunk has the keys that it needs, none that it lacks, no null; blocks and calls are in order."""
    open_blocks: set[str] = set()
    calls: set[str] = set()
    for chunk in told:
        required, optional = KEYS[chunk["type"]]
        keys = set(chunk) - {"type"}
        assert required <= keys <= required | optional, chunk
        assert all(chunk[key] is not None for key in keys - ANY_VALUE), chunk
        match chunk["type"]:
            case "text-start" | "reasoning-start":
                open_blocks.add(chunk["id"])
            case "text-delta" | "reasoning-delta":
                assert chunk["id"] in open_blocks
            case "text-end" | "reasoning-end":
                open_blocks.remove(chunk["id"])
            case "tool-input-start":
                calls.add(chunk["toolCallId"])
            case "tool-output-available" | "tool-output-error" | "tool-input-available" | "tool-input-delta":
                assert chunk["toolCallId"] in calls
            case "finish-step" | "finish" | "error" | "abort":
                assert not open_blocks
    assert all(chunk["finishReason"] in REASONS for chunk in told if chunk["type"] == "finish")


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
ids = st.sampled_from(["c1", "c2", "c3"])
names = st.sampled_from(["execute_sql", "think", "get_place"])
content = st.one_of(
    st.builds(TextDelta, text=texts),
    st.builds(
        Progress, step=st.sampled_from(["thinking", "generating", "querying", "reasoning"]), message=texts
    ),
    st.builds(
        ToolCalled, call=st.builds(ToolCall, id=ids, name=names, arguments=texts), by_client=st.booleans()
    ),
    st.builds(
        ToolFinished,
        result=st.builds(
            ToolResult,
            call_id=ids,
            name=names,
            ok=st.booleans(),
            content=texts,
            query=st.sampled_from([None, QUERY]),
        ),
    ),
    st.builds(PersonLeft, person=texts),
)
ends = st.one_of(
    st.builds(
        TurnDone,
        turn_id=st.just(TURN),
        message_id=texts,
        usage=st.just(USAGE),
        finish=st.sampled_from(["stop", "length", "tool_calls"]),
    ),
    st.builds(
        TurnCancelled,
        turn_id=st.just(TURN),
        message_id=texts,
        usage=st.just(USAGE),
        reason=st.sampled_from(["user", "orphaned", "shutdown", "deleted"]),
    ),
    st.builds(
        TurnFailed, turn_id=st.just(TURN), message_id=texts, usage=st.just(USAGE), code=texts, message=texts
    ),
    st.builds(ConversationDeleted),
)


@given(before=st.lists(content, max_size=4), during=st.lists(content, max_size=12), end=ends)
def test_no_turn_makes_a_chunk_that_a_promised_release_refuses(
    before: list[LogEvent], during: list[LogEvent], end: LogEvent
) -> None:
    told = chunks(*before, STARTED, *during, end)
    check_table(told)
    assert told[0]["type"] == "start"
    assert told[-1]["type"] in {"finish", "abort"}
    said = "".join(event.text for event in during if isinstance(event, TextDelta))
    assert "".join(chunk["delta"] for chunk in told if chunk["type"] == "text-delta") == said


@given(during=st.lists(content, max_size=12), end=ends)
def test_lines_are_whole_objects_that_say_the_same(during: list[LogEvent], end: LogEvent) -> None:
    told = frames(STARTED, *during, end, lines=True)
    assert all(line.endswith("\n") and line.count("\n") == 1 and "\r" not in line for line in told)
    parsed = [json.loads(line) for line in told]
    assert [chunk.pop("metadata", None) for chunk in parsed if chunk["type"] == "finish"] == [
        chunk["messageMetadata"] for chunk in parsed if chunk["type"] == "finish"
    ]
    check_table(parsed)
    dropped = ("data-", "reasoning-")
    events = [chunk for chunk in chunks(STARTED, *during, end) if not chunk["type"].startswith(dropped)]
    assert parsed == events


@given(text=st.text(st.characters(codec="utf-8"), max_size=50))
def test_a_frame_is_one_line_whatever_the_text(text: str) -> None:
    told = frames(STARTED, *([TextDelta(text=text)] if text else []), DONE)
    assert all(frame.startswith("data: ") and frame.index("\n") == len(frame) - 2 for frame in told)
