"""What every provider does with a troubled connection; seen through the OpenAI one, over real sockets."""

import socket

import httpx
import pytest
import trio

from appliance.errors import (
    InvalidInput,
    ProviderAuthFailed,
    ProviderBroken,
    ProviderError,
    ProviderUnavailable,
)
from appliance.messages import PromptMessage
from appliance.providers import http
from appliance.providers.base import ModelRequest, ModelText
from appliance.providers.openai import OpenAI
from tests.providers.answers import Answer, asked
from tests.support import model_replies as wire
from tests.support.model_replies import Chunk, Reply
from tests.support.model_server import ModelServer, Recorded, model_server

KEY = "sk-very-secret"


def provider(client: httpx.AsyncClient, server: ModelServer, **options: float) -> OpenAI:
    given = {"idle_timeout_s": 5.0, "retries": 2, "backoff_s": 0.01, **options}
    return OpenAI(client, api_key=KEY, base_url=server.url + "/v1", **given)  # type: ignore[arg-type]


async def failure(
    client: httpx.AsyncClient, ask: ModelRequest, *script: Reply, **options: float
) -> tuple[ProviderError, ModelServer]:
    """The error that the script leads to; also that the provider answers the next call."""
    async with model_server([*script, wire.openai_text("fine")]) as server:
        model = provider(client, server, **options)
        with pytest.raises(ProviderError) as caught:
            await asked(model, ask)
        tries = len(server.requests)
        assert tries == len(script)
        assert (await asked(model, ask)).text == "fine"
        assert KEY not in str(caught.value)
        return caught.value, server


OK = wire.openai_text("Hello", " you")


async def test_connections_are_used_again(client: httpx.AsyncClient, ask: ModelRequest):
    async with model_server([OK], repeat=True) as server:
        for _ in range(3):
            assert (await asked(provider(client, server), ask)).text == "Hello you"
        assert server.connections == 1


async def test_an_answer_that_came_in_one_piece_does_not_keep_others_waiting(
    client: httpx.AsyncClient, ask: ModelRequest
):
    pieces = [wire.text(f"word{n} ") for n in range(200)] + [wire.finish() + wire.DONE]
    body = "".join(f"{len(piece):x}\r\n{piece}\r\n" for piece in pieces) + "0\r\n\r\n"
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with (
        model_server([wire.stream(head + body, framing="raw")]) as server,
        trio.open_nursery() as nursery,
    ):
        rounds = 0

        async def others() -> None:
            nonlocal rounds
            while True:
                await trio.lowlevel.checkpoint()
                rounds += 1

        nursery.start_soon(others)
        async with provider(client, server).stream(ask) as events:
            waited = [rounds async for _ in events]
        nursery.cancel_scope.cancel()
    assert len(waited) == 200
    assert len(set(waited)) >= 4


async def test_byte_by_byte_over_the_network_gives_the_same_answer(
    client: httpx.AsyncClient, ask: ModelRequest
):
    whole = "".join(chunk.text for chunk in OK.chunks).encode()
    drips = [Chunk(data=whole[i : i + 1]) for i in range(len(whole))]
    async with model_server([OK, Reply(chunks=drips)]) as server:
        model = provider(client, server)
        assert await asked(model, ask) == await asked(model, ask)


async def test_an_answer_whose_end_is_the_end_of_the_connection_is_whole(
    client: httpx.AsyncClient, ask: ModelRequest
):
    async with model_server([wire.openai_text("ok", framing="until_close")]) as server:
        assert (await asked(provider(client, server), ask)).text == "ok"


async def test_a_connection_held_open_after_done_does_not_hold_up_the_answer(
    client: httpx.AsyncClient, ask: ModelRequest
):
    async with model_server([wire.openai_text("ok", then="hang")]) as server:
        assert (await asked(provider(client, server), ask)).text == "ok"
        with trio.fail_after(20):
            await server.requests[0].closed.wait()


async def test_an_uncompressed_answer_is_asked_for(client: httpx.AsyncClient, ask: ModelRequest):
    async with model_server([OK]) as server:
        await asked(provider(client, server), ask)
        assert server.requests[0].headers["accept-encoding"] == "identity"


# -- leaving -----------------------------------------------------------------------------------------


async def test_leaving_after_the_first_token_closes_the_connection(
    client: httpx.AsyncClient, ask: ModelRequest
):
    script = [wire.stream(wire.text("one"), wire.text("two"), then="hang")]
    async with model_server(script) as server:
        async with provider(client, server).stream(ask) as events:
            async for event in events:
                assert event == ModelText("one") or event == ModelText("onetwo")
                break
        with trio.fail_after(20):
            await server.requests[0].closed.wait()


@pytest.mark.parametrize("at", ["head", "body"])
async def test_cancelling_closes_the_connection(client: httpx.AsyncClient, ask: ModelRequest, at: str):
    reached = {"head": trio.Event(), "body": trio.Event()}

    def script(request: Recorded) -> Reply:
        reached["head"].set()
        delay_s = 60.0 if at == "head" else 0.0
        return wire.stream(wire.text("one"), then="hang", head_delay_s=delay_s)

    async def read(model: OpenAI) -> None:
        async with model.stream(ask) as events:
            async for _ in events:
                reached["body"].set()

    async with model_server(script) as server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, provider(client, server))
            with trio.fail_after(20):
                await reached[at].wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(20):
            await server.requests[0].closed.wait()


async def test_many_streams_at_once_do_not_mix(client: httpx.AsyncClient):
    def echo(request: Recorded) -> Reply:
        number = request.body["messages"][0]["content"]
        return wire.openai_text(*(f"{number}." for _ in range(5)), delay_s=0.001)

    async with model_server(echo) as server, trio.open_nursery() as nursery:
        model = provider(client, server)

        async def one(number: int) -> None:
            question = PromptMessage(role="user", content=str(number))
            assert (await asked(model, ModelRequest(messages=[question]))).text == f"{number}." * 5

        for number in range(30):
            nursery.start_soon(one, number)


# -- trying again ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        wire.error(429, "slow down"),
        wire.error(500, "oops"),
        wire.error(503, "busy", retry_after="0"),
        Reply(framing="raw", then="reset"),
        Reply(framing="raw", then="close"),
        Reply(then="reset"),
        Reply(then="close"),
    ],
    ids=["429", "500", "503", "reset", "no-answer", "reset-after-head", "cut-after-head"],
)
async def test_passing_trouble_before_the_first_byte_is_tried_again(
    client: httpx.AsyncClient, ask: ModelRequest, trouble: Reply
):
    async with model_server([trouble, trouble, OK]) as server:
        assert (await asked(provider(client, server), ask)).text == "Hello you"
        bodies = [request.raw for request in server.requests]
        assert bodies == [bodies[0]] * 3


async def test_trouble_that_stays_is_unavailable(client: httpx.AsyncClient, ask: ModelRequest):
    error, _ = await failure(client, ask, *[wire.error(503, "overloaded")] * 3)
    assert type(error) is ProviderUnavailable
    assert "is failing (503): overloaded." in error.text
    assert error.upstream_status == 503


async def test_resets_that_stay_are_unavailable(client: httpx.AsyncClient, ask: ModelRequest):
    error, _ = await failure(client, ask, *[Reply(framing="raw", then="reset")] * 3)
    assert type(error) is ProviderUnavailable
    assert "closed the connection without an answer" in error.text


async def test_retry_after_is_waited_for(client: httpx.AsyncClient, ask: ModelRequest):
    async with model_server([wire.error(429, "wait", retry_after_ms="300"), OK]) as server:
        await asked(provider(client, server), ask)
        first, second = server.requests
        assert second.at - first.at >= 0.3


async def test_a_long_retry_after_fails_at_once(client: httpx.AsyncClient, ask: ModelRequest):
    error, _ = await failure(client, ask, wire.error(429, "wait", retry_after="31"))
    assert type(error) is ProviderUnavailable
    assert "asks to wait 31 s" in error.text


async def test_a_spent_quota_fails_at_once(client: httpx.AsyncClient, ask: ModelRequest):
    error, _ = await failure(client, ask, wire.error(429, "no money", code="insufficient_quota"))
    assert type(error) is ProviderUnavailable


async def test_a_server_that_is_not_there_is_unavailable(client: httpx.AsyncClient, ask: ModelRequest):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        model = OpenAI(client, base_url=f"http://127.0.0.1:{port}", retries=1, backoff_s=0.01)
        with pytest.raises(ProviderUnavailable, match="cannot be reached") as caught:
            await asked(model, ask)
        assert "OPENAI_BASE_URL" in caught.value.text


async def test_a_field_that_the_server_does_not_know_is_left_out(client: httpx.AsyncClient):
    script = [
        wire.error(400, "Unsupported parameter: 'max_tokens'", param="max_tokens"),
        wire.error(400, "Unrecognized request argument supplied: stream_options"),
        OK,
    ]
    question = PromptMessage(role="user", content="x")
    request = ModelRequest(messages=[question], max_tokens=9)
    async with model_server(script) as server:
        assert (await asked(provider(client, server, retries=0), request)).text == "Hello you"
        last = server.requests[-1].body
        assert last["max_completion_tokens"] == 9
        assert "max_tokens" not in last
        assert "stream_options" not in last


# -- refusals and rubbish ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_told_without_the_key(
    client: httpx.AsyncClient, ask: ModelRequest, status: int
):
    error, _ = await failure(client, ask, wire.error(status, f"Incorrect API key: {KEY}"))
    assert type(error) is ProviderAuthFailed
    assert error.text.startswith("Provider authentication failed: Incorrect API key: [key].")


async def test_an_unknown_model_is_told(client: httpx.AsyncClient, ask: ModelRequest):
    error, _ = await failure(client, ask, wire.error(404, "The model `x` does not exist"))
    assert type(error) is ProviderError
    assert "The model `x` does not exist" in error.text
    assert "OPENAI_MODEL" in error.text


async def test_a_redirect_is_not_followed(client: httpx.AsyncClient, ask: ModelRequest):
    moved = Reply(status=308, headers={"location": "http://127.0.0.1:9/"})
    error, _ = await failure(client, ask, moved)
    assert "redirects" in error.text


EVENTS = {"content-type": "text/event-stream"}
HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json"}
PAGE = "<!DOCTYPE html><html><h1>Welcome to the portal</h1></html>"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (wire.stream(PAGE, headers=HTML), "text/html instead of a stream"),
        (wire.stream('{"choices": []}', headers=JSON), "application/json instead of a stream"),
        (wire.stream(PAGE + "\n\n"), "before it was complete"),
        (wire.stream("data: garbage\n\n"), "no chat completion chunk"),
        (wire.stream(b"data: \xff\xfe\n\n"), "no chat completion chunk"),
        (wire.stream(wire.text("half")), "before it was complete"),
        (wire.stream(wire.text("half"), then="close"), "broke off its answer"),
        (wire.stream(wire.text("half"), then="reset"), "broke off its answer"),
        (wire.stream(wire.text("half"), "data: {", then="close"), "broke off its answer"),
        (wire.stream(), "before it was complete"),
        (wire.stream("ICY 200 OK\r\n\r\n", framing="raw", then="close"), "does not speak HTTP"),
        (
            wire.stream("x" * 100, headers={**EVENTS, "content-encoding": "gzip"}),
            "a compressed answer",
        ),
        (wire.stream(*[b"y" * 1024 * 1024] * 9), "sent too much at once"),
    ],
)
async def test_rubbish_is_broken(client: httpx.AsyncClient, ask: ModelRequest, reply: Reply, words: str):
    script = [reply] * 3 if reply.framing == "raw" else [reply]
    error, _ = await failure(client, ask, *script)
    assert type(error) is ProviderBroken
    assert words in error.text
    assert len(error.text) < 500


async def test_text_before_a_break_arrives(client: httpx.AsyncClient, ask: ModelRequest):
    answer = Answer()
    async with model_server([wire.stream(wire.text("half"), then="reset")]) as server:
        with pytest.raises(ProviderBroken):
            await asked(provider(client, server), ask, answer)
    assert answer.text == "half"


# -- silence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        wire.stream(wire.text("one"), then="hang"),
        wire.stream(then="hang"),
        wire.openai_text("late", head_delay_s=60),
        Reply(framing="raw", then="hang"),
        wire.stream(*("data: {"[i % 7] for i in range(60)), delay_s=0.03),
        wire.stream(*["X-Drip: 1\r\n"] * 90, delay_s=0.03, framing="raw"),
    ],
    ids=["after-a-token", "after-the-head", "before-the-head", "no-byte", "drip", "head-drip"],
)
async def test_silence_and_dripping_end_the_call(client: httpx.AsyncClient, ask: ModelRequest, reply: Reply):
    if reply.framing == "raw" and reply.chunks:
        start = Chunk(text="HTTP/1.1 200 OK\r\n")
        reply = Reply(chunks=[start, *reply.chunks], framing="raw", then="hang")
    error, server = await failure(client, ask, reply, idle_timeout_s=0.3, connect_timeout_s=0.5)
    assert type(error) is ProviderBroken
    assert "APPLIANCE_PROVIDER_IDLE_TIMEOUT_S" in error.text
    assert server.requests[0].closed_at is not None


async def test_keep_alives_are_no_silence(client: httpx.AsyncClient, ask: ModelRequest):
    pings = [": ping\n\n"] * 10
    reply = wire.stream(*pings, wire.text("ok"), wire.DONE, delay_s=0.1)
    async with model_server([reply]) as server:
        model = provider(client, server, idle_timeout_s=0.8)
        assert (await asked(model, ask)).text == "ok"


async def test_keep_alives_for_ever_end_the_call(client: httpx.AsyncClient, ask: ModelRequest):
    reply = wire.stream(*[": ping\n\n"] * 800, delay_s=0.01)
    error, _ = await failure(client, ask, reply, idle_timeout_s=0.6)
    assert "only keep-alives" in error.text


async def test_a_long_answer_without_pauses_is_not_timed(client: httpx.AsyncClient, ask: ModelRequest):
    async with model_server([wire.openai_text(*["x"] * 20, delay_s=0.05)]) as server:
        model = provider(client, server, idle_timeout_s=0.8)
        assert (await asked(model, ask)).text == "x" * 20


# -- settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["localhost:8000", "ftp://host", "http://", "http://h:x", "https://h/v1?key=1", "\0"]
)
def test_an_address_that_is_none_is_refused_by_the_name_of_its_setting(text: str):
    with pytest.raises(InvalidInput, match="SETTING must be an address"):
        http.checked_url(text, "SETTING")


def test_a_key_that_cannot_travel_is_refused_without_showing_it():
    for text in ("sk-a b", "sk-ü", "sk\n"):
        with pytest.raises(InvalidInput, match="SETTING") as caught:
            http.checked_key(text, "SETTING")
        assert text not in str(caught.value)
