import json

import pytest

from appliance.errors import ProviderBroken, ProviderError, ProviderUnavailable
from appliance.messages import PromptMessage, ToolCall, Usage
from appliance.providers import chat_wire
from appliance.providers.base import ModelRequest, ToolSpec
from appliance.providers.chat_wire import ChatDecoder
from appliance.providers.failures import Upstream
from tests.providers.answers import Answer, decoded
from tests.support import model_replies as wire

UPSTREAM = Upstream(label="The model", address_setting="ADDRESS", key_setting="KEY", model_setting="MODEL")

TRANSCRIPT = (
    ": OPENROUTER PROCESSING\n\n"
    + wire.chunk(prompt_filter_results=[])
    + wire.chunk({"role": "assistant", "content": ""}, usage=None)
    + wire.text("Grüße, ")
    + wire.text("Wörld 🌍")
    + wire.call_fragment(1, "b", "second", "")
    + wire.call_fragment(0, "a", "first", '{"sql": "SEL')
    + wire.call_fragment(1, arguments="{}")
    + wire.call_fragment(0, arguments='ECT 1"}').replace("\n", "\r\n")
    + wire.finish("stop")
    + wire.usage(12, 34)
    + wire.DONE
).encode()
WHOLE = Answer(
    text="Grüße, Wörld 🌍",
    calls=[
        ToolCall(id="a", name="first", arguments='{"sql": "SELECT 1"}'),
        ToolCall(id="b", name="second", arguments="{}"),
    ],
    usages=[Usage(prompt_tokens=12, completion_tokens=34)],
)


def decoder(**arguments: int) -> ChatDecoder:
    return ChatDecoder(UPSTREAM, **arguments)


def failure(*pieces: str | bytes) -> ProviderError:
    reading = decoder()
    for piece in pieces:
        reading.feed(piece.encode() if isinstance(piece, str) else piece)
    with pytest.raises(ProviderError) as caught:
        reading.close()
    return caught.value


def test_every_cut_in_two_gives_the_same_answer():
    for cut in range(len(TRANSCRIPT) + 1):
        assert decoded(decoder(), TRANSCRIPT[:cut], TRANSCRIPT[cut:]) == WHOLE, cut


def test_byte_by_byte_gives_the_same_answer():
    assert decoded(decoder(), *(TRANSCRIPT[i : i + 1] for i in range(len(TRANSCRIPT)))) == WHOLE


def test_a_stream_truncated_at_any_byte_gives_a_prefix_of_the_text_and_never_a_call_made_up():
    finished_at = TRANSCRIPT.index(b'"finish_reason": "stop"')
    for cut in range(len(TRANSCRIPT)):
        answer = decoded(decoder(), TRANSCRIPT[:cut])
        assert WHOLE.text.startswith(answer.text)
        if answer.error:
            assert answer.error == "ProviderBroken"
            assert (answer.calls, answer.usages) == ([], [])
        else:
            assert cut > finished_at
            assert answer.calls == WHOLE.calls
            assert answer.usages in ([], WHOLE.usages)


def test_text_of_one_network_chunk_comes_as_one_event():
    events = decoder().feed((wire.text("a") + wire.text("b") + wire.text("c")).encode())
    assert len(events) == 1


def test_a_clean_end_after_a_finish_reason_needs_no_done():
    answer = decoded(decoder(), (wire.text("ok") + wire.finish()).encode())
    assert answer == Answer(text="ok")


def test_done_without_a_finish_reason_is_an_end():
    assert decoded(decoder(), (wire.text("ok") + wire.DONE).encode()) == Answer(text="ok")


def test_an_end_without_either_is_broken():
    assert isinstance(failure(wire.text("half")), ProviderBroken)


def test_nothing_at_all_is_broken():
    assert isinstance(failure(), ProviderBroken)


def test_a_last_message_without_its_blank_line_counts_when_whole():
    answer = decoded(decoder(), (wire.text("ok") + wire.finish().rstrip()).encode())
    assert answer == Answer(text="ok")


def test_what_follows_done_is_not_read():
    answer = decoded(decoder(), (wire.text("ok") + wire.DONE + wire.text("more")).encode())
    assert answer == Answer(text="ok")


def test_usage_in_every_chunk_is_reported_once_and_the_last_counts():
    def counted(n: int) -> str:
        usage = {"prompt_tokens": 5, "completion_tokens": n}
        return wire.chunk({"content": "x"}, usage=usage)

    answer = decoded(decoder(), (counted(1) + counted(2) + wire.finish() + wire.DONE).encode())
    assert answer.usages == [Usage(prompt_tokens=5, completion_tokens=2)]


def calls_of(*fragments: str, **arguments: int) -> list[tuple[str, str, str]]:
    answer = decoded(decoder(**arguments), "".join([*fragments, wire.DONE]).encode())
    assert not answer.error
    return [(call.id, call.name, call.arguments) for call in answer.calls]


def test_calls_without_ids_are_numbered_from_the_calls_before():
    pieces = wire.call_fragment(0, None, "f", "{}"), wire.call_fragment(1, None, "g", "{}")
    assert calls_of(*pieces, calls_before=3) == [("call_3", "f", "{}"), ("call_4", "g", "{}")]


def test_calls_without_an_index_start_with_each_name():
    pieces = (
        wire.call_fragment(None, "a", "f", '{"x"'),
        wire.call_fragment(None, arguments=":1}"),
        wire.call_fragment(None, "b", "g", "{}"),
    )
    assert calls_of(*pieces) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_calls_that_are_all_numbered_zero_are_told_apart_by_id():
    pieces = (
        wire.call_fragment(0, "a", "f", "{}"),
        wire.call_fragment(0, "b", "g", '{"y"'),
        wire.call_fragment(0, arguments=":2}"),
    )
    assert calls_of(*pieces) == [("a", "f", "{}"), ("b", "g", '{"y":2}')]


def test_id_and_name_repeated_in_each_piece_are_one_call():
    pieces = wire.call_fragment(0, "a", "f", "{"), wire.call_fragment(0, "a", "f", "}")
    assert calls_of(*pieces) == [("a", "f", "{}")]


def test_the_same_id_twice_is_made_unique():
    pieces = wire.call_fragment(0, "a", "f", "{}"), wire.call_fragment(1, "a", "f", "{}")
    assert calls_of(*pieces) == [("a", "f", "{}"), ("call_1", "f", "{}")]


def test_a_call_without_arguments_has_an_empty_object():
    assert calls_of(wire.call_fragment(0, "a", "f")) == [("a", "f", "{}")]


def test_arguments_sent_as_an_object_become_text():
    fragment = {"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}
    assert calls_of(wire.chunk({"tool_calls": [fragment]})) == [("a", "f", '{"x":1}')]


def test_a_call_without_a_name_is_broken():
    error = failure(wire.call_fragment(0, "a", None, "{}"), wire.DONE)
    assert isinstance(error, ProviderBroken)


def test_a_refusal_is_text():
    answer = decoded(decoder(), (wire.chunk({"refusal": "I cannot."}) + wire.DONE).encode())
    assert answer.text == "I cannot."


def test_a_content_filter_is_told():
    assert "content filter" in failure(wire.finish("content_filter"), wire.DONE).text.lower()


def test_text_before_an_error_in_the_same_chunk_is_kept():
    reading = decoder()
    events = reading.feed((wire.text("so far") + 'data: {"error": "gone"}\n\n').encode())
    assert [event.text for event in events] == ["so far"]  # type: ignore[union-attr]
    with pytest.raises(ProviderError, match="gone"):
        reading.close()


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        ('data: {"error": {"message": "CUDA out of memory"}}', ProviderError, "CUDA out of memory"),
        ('data: {"error": {"message": "slow down", "code": 429}}', ProviderUnavailable, "slow down"),
        ('data: {"error": {"message": "boom", "code": 500}}', ProviderUnavailable, "boom"),
        ('event: error\ndata: {"message": "lost"}', ProviderError, "lost"),
        ("event: error\ndata: plain words", ProviderError, "plain words"),
        ("data: not json", ProviderBroken, "not json"),
        ('data: {"choices": 7}', ProviderBroken, "choices"),
        ("data: [1, 2]", ProviderBroken, "no chat completion chunk"),
        ("data: " + "[" * 200_000, ProviderBroken, "no chat completion chunk"),
        ('data: {"error": ' + "[" * 200_000, ProviderBroken, "no chat completion chunk"),
    ],
)
def test_errors_inside_the_stream(data: str, kind: type[ProviderError], words: str):
    error = failure(data + "\n\n")
    assert type(error) is kind
    assert words in error.text
    assert len(error.text) < 500


def test_invalid_utf8_is_broken():
    good = wire.text("é").replace("\\u00e9", "é").encode()
    assert type(failure(good.replace(b"\xc3", b"\xff"))) is ProviderBroken


def test_a_line_over_the_bound_is_broken():
    assert type(failure(*[b"x" * 1024 * 1024] * 9)) is ProviderBroken


def test_endless_tool_calls_are_broken():
    fragment = wire.call_fragment(0, "a", "f", "y" * 1024 * 1024)
    assert type(failure(*[fragment] * 9)) is ProviderBroken


# -- requests ----------------------------------------------------------------------------------------


def body_of(model: str = "gpt-4o", **fields: object) -> dict[str, object]:
    request = ModelRequest(messages=[PromptMessage(role="user", content="x")], **fields)  # type: ignore[arg-type]
    return chat_wire.request_body(request, model=model, limit_field="max_tokens")


def test_temperature_zero_is_sent_as_zero():
    assert body_of(temperature=0.0)["temperature"] == 0.0


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5.1-nano", "openai/o3"])
def test_reasoning_models_get_no_temperature(model: str):
    assert "temperature" not in body_of(model, temperature=0.5)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4-turbo", "ollama3", "phi-o1", "command-r"])
def test_other_models_get_their_temperature(model: str):
    assert body_of(model, temperature=0.5)["temperature"] == 0.5


def test_tools_go_as_functions_and_may_run_in_parallel(sql_tool: ToolSpec):
    body = body_of(tools=[sql_tool])
    assert body["parallel_tool_calls"] is True
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "execute_sql",
                "description": "Run SQL",
                "parameters": sql_tool.parameters,
            },
        }
    ]
    assert "parallel_tool_calls" not in body_of()
    assert "tools" not in body_of()


def test_history_with_tool_calls_takes_the_usual_shape():
    calls = [
        ToolCall(id="a", name="f", arguments='{"x": 1}'),
        ToolCall(id="b", name="g", arguments="not json"),
    ]
    request = ModelRequest(
        messages=[
            PromptMessage(role="assistant", tool_calls=calls),
            PromptMessage(role="tool", content="1 row", tool_call_id="a"),
        ]
    )
    body = chat_wire.request_body(request, model="m", limit_field="max_tokens")
    assistant, tool = body["messages"]
    assert assistant["content"] is None
    assert assistant["tool_calls"][0] == {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": '{"x": 1}'},
    }
    assert json.loads(assistant["tool_calls"][1]["function"]["arguments"]) == {"not_json": "not json"}
    assert tool == {"role": "tool", "content": "1 row", "tool_call_id": "a"}
    assert chat_wire.calls_in(request) == 2


def test_adapting_drops_one_refused_field_at_a_time():
    body = {"model": "m", "max_tokens": 5, "temperature": 1, "stream_options": {}}
    complaint = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    body = chat_wire.adapt(body, complaint) or {}
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    body = chat_wire.adapt(body, "Unsupported value: 'temperature' does not support 1.") or {}
    assert "temperature" not in body
    body = chat_wire.adapt(body, "Unrecognized request argument supplied: stream_options") or {}
    assert body == {"model": "m", "max_completion_tokens": 5}


def test_other_complaints_change_nothing():
    body = {"model": "m", "max_tokens": 5}
    assert chat_wire.adapt(body, "max_tokens is too large: 5") is None
    assert chat_wire.adapt(body, "model not supported") is None


def test_endlessly_nested_arguments_are_sent_as_no_json():
    deep = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    call = ToolCall(id="c", name="f", arguments=deep)
    request = ModelRequest(messages=[PromptMessage(role="assistant", content="", tool_calls=[call])])
    body = chat_wire.request_body(request, model="m", limit_field="max_tokens")
    [sent] = body["messages"][0]["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"not_json": deep}
