import json

import pytest

from appliance.errors import ProviderBroken, ProviderError
from appliance.messages import PromptMessage, ToolCall, Usage
from appliance.providers import ollama_wire
from appliance.providers.base import ModelRequest, ToolSpec
from appliance.providers.failures import Upstream
from appliance.providers.ollama_wire import OllamaDecoder
from tests.providers.answers import Answer, decoded
from tests.support import model_replies as wire

UPSTREAM = Upstream(label="Ollama", address_setting="ADDRESS", key_setting="KEY", model_setting="MODEL")
CALLS = [
    {"function": {"name": "first", "arguments": {"sql": "SELECT 1"}}},
    {"id": "own", "function": {"index": 1, "name": "second", "arguments": {}}},
]
TRANSCRIPT = (
    wire.ollama_line("", thinking="hm")
    + wire.ollama_line("Grüße ")
    + wire.ollama_line("Wörld 🌍")
    + wire.ollama_line(tool_calls=CALLS)
    + wire.ollama_done(12, 34)
).encode()
WHOLE = Answer(
    text="Grüße Wörld 🌍",
    calls=[
        ToolCall(id="call_2", name="first", arguments='{"sql": "SELECT 1"}'),
        ToolCall(id="own", name="second", arguments="{}"),
    ],
    usages=[Usage(prompt_tokens=12, completion_tokens=34)],
)


def decoder() -> OllamaDecoder:
    return OllamaDecoder(UPSTREAM, tool_names=["first", "second"], calls_before=2)


def test_every_cut_in_two_gives_the_same_answer():
    for cut in range(len(TRANSCRIPT) + 1):
        assert decoded(decoder(), TRANSCRIPT[:cut], TRANSCRIPT[cut:]) == WHOLE, cut


def test_byte_by_byte_gives_the_same_answer():
    assert decoded(decoder(), *(TRANSCRIPT[i : i + 1] for i in range(len(TRANSCRIPT)))) == WHOLE


def test_a_stream_truncated_at_any_byte_is_broken_after_a_prefix_of_the_text():
    # Without its last line end the transcript is still whole.
    for cut in range(len(TRANSCRIPT) - 1):
        answer = decoded(decoder(), TRANSCRIPT[:cut])
        assert WHOLE.text.startswith(answer.text)
        assert (answer.error, answer.calls, answer.usages) == ("ProviderBroken", [], [])
    assert decoded(decoder(), TRANSCRIPT[:-1]) == WHOLE


WRITTEN = '{"name": "first", "arguments": {"sql": "SELECT \\"1\\""}}'


def written(text: str, *, pieces: int = 7) -> Answer:
    step = max(1, len(text) // pieces)
    lines = [wire.ollama_line(text[i : i + step]) for i in range(0, len(text), step)]
    return decoded(decoder(), "".join([*lines, wire.ollama_done()]).encode())


@pytest.mark.parametrize("text", [WRITTEN, f"\n  {WRITTEN}\n", WRITTEN.replace("arguments", "parameters")])
def test_an_answer_that_is_one_json_call_of_an_offered_tool_is_a_tool_call(text: str):
    answer = written(text)
    assert answer.text == ""
    assert answer.calls == [ToolCall(id="call_2", name="first", arguments='{"sql":"SELECT \\"1\\""}')]


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN.replace("first", "unknown"),
        WRITTEN + " done",
        f"Calling {WRITTEN}",
        '{"name": "first"}',
        '{"name": "first", "arguments": "x"}',
        '{"answer": 42}',
        "{" + "x" * 50_000,
        "   ",
    ],
)
def test_any_other_answer_is_text_to_the_letter(text: str):
    answer = written(text)
    assert (answer.text, answer.calls) == (text, [])


def test_without_tools_json_is_text_and_streams_at_once():
    reading = OllamaDecoder(UPSTREAM)
    assert len(reading.feed(wire.ollama_line('{"name"').encode())) == 1


def test_held_text_is_not_lost_when_a_native_call_follows():
    lines = wire.ollama_line("{") + wire.ollama_line(tool_calls=CALLS[:1]) + wire.ollama_done()
    answer = decoded(decoder(), lines.encode())
    assert (answer.text, len(answer.calls)) == ("{", 1)


def test_arguments_written_as_a_string_are_taken_as_they_are():
    call = {"function": {"name": "first", "arguments": '{"a": 1}'}}
    lines = wire.ollama_line(tool_calls=[call]) + wire.ollama_done()
    assert decoded(decoder(), lines.encode()).calls[0].arguments == '{"a": 1}'


def test_usage_without_the_prompt_count_is_not_told():
    line = wire.ollama_line("x", done=True, eval_count=3)
    assert decoded(decoder(), line.encode()).usages == []


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        (b'{"error": "model runner has stopped"}', ProviderError, "model runner has stopped"),
        (b"not json", ProviderBroken, "not json"),
        (b'{"message": 3}', ProviderBroken, "message"),
        (b'{"message": {"content": "\xff"}}', ProviderBroken, "no chat message"),
        (b'{"error": ' + b"[" * 200_000, ProviderBroken, "no chat message"),
    ],
)
def test_errors_inside_the_stream(line: bytes, kind: type[ProviderError], words: str):
    reading = decoder()
    reading.feed(line + b"\n")
    with pytest.raises(ProviderError, match=words) as caught:
        reading.close()
    assert type(caught.value) is kind


def test_a_line_over_the_bound_is_broken():
    assert decoded(decoder(), *[b"x" * 1024 * 1024] * 9).error == "ProviderBroken"


def test_the_request_has_options_tools_and_object_arguments(sql_tool: ToolSpec):
    calls = [
        ToolCall(id="a", name="f", arguments='{"x": 1}'),
        ToolCall(id="b", name="g", arguments="oops"),
    ]
    request = ModelRequest(
        messages=[
            PromptMessage(role="user", content="x"),
            PromptMessage(role="assistant", tool_calls=calls),
            PromptMessage(role="tool", content="1 row", tool_call_id="a"),
        ],
        tools=[sql_tool],
        temperature=0.0,
        max_tokens=99,
    )
    body = ollama_wire.request_body(request, model="m", context_tokens=8192)
    assert json.loads(json.dumps(body)) == {
        "model": "m",
        "stream": True,
        "options": {"num_ctx": 8192, "temperature": 0.0, "num_predict": 99},
        "messages": [
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"function": {"name": "f", "arguments": {"x": 1}}},
                    {"function": {"name": "g", "arguments": {"not_json": "oops"}}},
                ],
            },
            {"role": "tool", "content": "1 row", "tool_name": "f"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "execute_sql",
                    "description": "Run SQL",
                    "parameters": sql_tool.parameters,
                },
            }
        ],
    }
