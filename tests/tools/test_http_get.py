from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from appliance.bot import Bot
from appliance.botsettings import Setting, SettingValues
from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.tools.base import ToolContext, ToolError, ToolOutput
from appliance.tools.http_fetch import BODY_BYTES_MAX, DEADLINE_S, Fetcher, FetchFailed, SystemResolver
from appliance.tools.http_get import HttpGet, allowed_domains
from appliance.urlguard import Target, UrlRefused, allowed_addresses
from tests.tools.web_server import Authority, Play, WebServer, reply, wait_until_gone, web_server

NAME = "api.example.com"


async def _no_sql(sql: str, description: str, parameters: Any = None) -> QueryOutcome:
    raise AssertionError("no SQL here")


def context_of(
    *domains: str,
    headers: dict[str, dict[str, str]] | None = None,
    system: dict[str, Setting] | None = None,
    user: dict[str, Setting] | None = None,
) -> ToolContext:
    values = SettingValues(system=system or {}, user=user or {})
    return ToolContext(
        bot=Bot(name="b", http_allowed_domains=list(domains), http_headers=headers or {}),
        caller=Caller(user_id="ada", role="authenticated"),
        user_message="?",
        run_sql=_no_sql,
        values=values,
    )


async def no_names(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} was looked up")


def fetcher(**hooks: Any) -> Fetcher:
    return Fetcher(**{"resolve": no_names, "tls": Authority().client(), **hooks})


async def ask(url: str, context: ToolContext, **hooks: Any) -> tuple[dict[str, Any], ToolOutput]:
    output = await HttpGet(fetcher(**hooks)).run(context, {"url": url})
    answer = json.loads(output.content)
    assert answer["success"] is output.ok
    return answer, output


async def ask_local(server: WebServer, path: str = "/", **hooks: Any) -> dict[str, Any]:
    host = f"127.0.0.1:{server.port}"
    answer, _ = await ask(f"http://{host}{path}", context_of(host), **hooks)
    return answer


async def answer_to(said: bytes | Play, **hooks: Any) -> dict[str, Any]:
    async with web_server(said) as server:
        return await ask_local(server, **hooks)


# -- good answers -------------------------------------------------------------------------------------


async def test_json_comes_as_json_and_the_request_is_what_was_judged() -> None:
    async with web_server(reply(b'{"a": [1, 2.5, null, "\xc3\xa4"]}')) as server:
        answer = await ask_local(server, "/v1/a%20b?q=1&q=2#part")
    assert answer == {"success": True, "status": 200, "data": {"a": [1, 2.5, None, "ä"]}}
    first, *lines = server.heads[0].rstrip().split("\r\n")
    assert first == "GET /v1/a%20b?q=1&q=2 HTTP/1.1"
    assert {line.split(": ")[0].lower(): line.split(": ")[1] for line in lines} == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/json, text/*;q=0.8",
        "accept-encoding": "identity",
        "user-agent": "chat-appliance",
        "connection": "close",
    }


async def test_problem_json_counts_as_json() -> None:
    answer = await answer_to(reply(b"[1]", "application/vnd.api+json; charset=utf-8", 201))
    assert answer == {"success": True, "status": 201, "data": [1]}


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"caf\xe9", "text/plain; charset=iso-8859-1", "café"),
        (b"caf\xc3\xa9 \xff", "text/csv", "café \N{REPLACEMENT CHARACTER}"),
        (b"\xef\xbb\xbfa,b", "text/csv", "a,b"),
        (b"<p>hi", "text/html; charset=nonsense", "<p>hi"),
        (b"abc-", "text/plain; charset=punycode", "abc-"),
        (b"<a/>", 'text/xml;charset="UTF-8"', "<a/>"),
    ],
)
async def test_text_comes_as_text_whatever_its_charset(body: bytes, content_type: str, text: str) -> None:
    answer = await answer_to(reply(body, content_type))
    assert answer == {"success": True, "status": 200, "data": text}


async def test_no_body_is_null() -> None:
    assert await answer_to(b"HTTP/1.1 204 No Content\r\n\r\n") == {
        "success": True,
        "status": 204,
        "data": None,
    }
    assert await answer_to(reply(b"", "")) == {"success": True, "status": 200, "data": None}


async def test_a_long_answer_is_cut_for_the_model_and_says_so() -> None:
    answer = await answer_to(reply(json.dumps(["x" * 50_000]).encode()))
    assert answer["success"] is True
    assert answer["truncated"] is True
    assert len(answer["data"]) == 20_000
    assert "The first 20000 of 50004 characters" in answer["note"]


async def test_text_that_is_no_unicode_can_still_be_stored() -> None:
    async with web_server(reply(b'{"\\ud800": "\\udfff"}')) as server:
        host = f"127.0.0.1:{server.port}"
        _, output = await ask(f"http://{host}/", context_of(host))
    assert msgspec.json.decode(msgspec.json.encode(output.content)) == output.content


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    answer = await answer_to(reply(b"x" * BODY_BYTES_MAX, "text/plain"))
    assert answer["success"] is True


# -- answers that are refused -------------------------------------------------------------------------


async def drip(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        await stream.send_all(b"x")
        await trio.sleep(0.05)


async def endless(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        await stream.send_all(b"x" * 65536)


async def header_bomb(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\n")
    while True:
        await stream.send_all(b"X-A: " + b"a" * 8000 + b"\r\n")


async def interim_bomb(stream: trio.abc.Stream) -> None:
    while True:
        await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


GZIPPED = reply(gzip.compress(b"0" * 5_000_000, mtime=0), "application/json", 200, "Content-Encoding: gzip")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (endless, "larger than 1024 KiB"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\nContent-Type: text/plain\r\n\r\n", "larger than"),
        (reply(b"x" * (BODY_BYTES_MAX + 1), "text/plain"), "larger than 1024 KiB"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nContent-Type: text/plain\r\n\r\nx", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "broke off"),
        (b"HTTP/1.1 200 OK\r\nX: a", "broke off"),
        (b"", "broke off"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "broke off"),
        (b"\x00" * 200_000, "broke off"),
        (header_bomb, "broke off"),
        (GZIPPED, "compressed"),
        (reply(b"{", "application/json"), "is JSON, and is not"),
        (reply(b"<html>", "application/json"), "is JSON, and is not"),
        (reply(b"NaN", "application/json"), "is JSON, and is not"),
        (reply(b"1e999", "application/json"), "is JSON, and is not"),
        (reply(b"[" * 500_000 + b"]" * 500_000), "nested too deep"),
        (reply(b"[" * 400 + b"]" * 400), "nested too deep"),
        (reply(b'{"a":' * 150 + b"1" + b"}" * 150), "nested too deep"),
        (reply(b"9" * 100_000, "application/json"), "is JSON, and is not"),
        (reply(b"%PDF", "application/pdf"), "is application/pdf; only JSON and text"),
        (reply(b"x", "image/png; a=b"), "is image/png; only"),
        (reply(b"x", ""), "of no known type; only"),
        (reply(b"x", "<script>"), "of no known type; only"),
    ],
)
async def test_a_bad_answer_is_a_failure_with_its_reason(said: bytes | Play, error: str) -> None:
    answer = await answer_to(said)
    assert answer["success"] is False
    assert error in answer["error"]
    assert answer["allowed_domains"]


@pytest.mark.parametrize("said", [drip, wait_until_gone, interim_bomb])
async def test_a_server_that_takes_too_long_is_given_up_and_left(said: Play) -> None:
    async with web_server(said) as server:
        answer = await ask_local(server, deadline_s=0.3)
        assert "longer than 0.3 s" in answer["error"]
        await server.gone.wait()


async def test_a_refused_answer_closes_the_connection() -> None:
    async with web_server(endless) as server:
        await ask_local(server)
        await server.gone.wait()


async def test_a_slow_server_holds_up_nobody_else() -> None:
    tool = HttpGet(fetcher())
    done: list[str] = []
    async with web_server(wait_until_gone) as slow, web_server(reply(b"1")) as fast:
        context = context_of(f"127.0.0.1:{slow.port}", f"127.0.0.1:{fast.port}")

        async def run(name: str, port: int) -> None:
            await tool.run(context, {"url": f"http://127.0.0.1:{port}/"})
            done.append(name)

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(run, "slow", slow.port)
            await run("fast", fast.port)
            assert done == ["fast"]
            nursery.cancel_scope.cancel()


async def test_an_error_status_tells_its_status_and_the_beginning_of_its_body() -> None:
    answer = await answer_to(reply(b'{"why": "' + b"\xc3\xa4" * 5000, "application/problem+json", 404))
    assert answer["success"] is False
    assert answer["status"] == 404
    assert answer["body"].startswith('{"why": "ä')
    assert 1000 < len(answer["body"].encode()) <= 1024
    binary = await answer_to(reply(b"\x00\x01", "image/png", 500))
    assert binary == {"success": False, "status": 500, "error": "The server answered with status 500."}


async def test_an_endless_error_is_read_no_further_than_it_is_told() -> None:
    async def endless_error(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            await stream.send_all(b"x" * 65536)

    answer = await answer_to(endless_error)
    assert (answer["status"], len(answer["body"])) == (503, 1024)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://127.0.0.1:{port}/next", "a redirect to 127.0.0.1:{port}."),
        ("https://Evil.example/x?key=1", "a redirect to evil.example."),
        ("//user:pw@evil.example", "a redirect to evil.example."),
        ("/next", "a redirect."),
        ("javascript:alert(1)", "a redirect."),
    ],
)
async def test_a_redirect_is_told_and_not_followed(location: str, told: str) -> None:
    async def redirect(stream: trio.abc.Stream) -> None:
        there = location.format(port=server.port)
        await stream.send_all(reply(b"", "", 302, f"Location: {there}"))

    async with web_server(redirect) as server:
        answer = await ask_local(server)
        assert server.connections == 1
    assert answer["status"] == 302
    assert told.format(port=server.port) in answer["error"]


async def test_an_upgrade_is_no_answer() -> None:
    answer = await answer_to(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
    assert answer["success"] is False


# -- names and addresses ------------------------------------------------------------------------------


class Names:
    """Answers look-ups from a list of answers, the last of them for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def loopback_is_fine(target: Target, found: Sequence[str]) -> Sequence[str]:
    return found


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:8.8.8.8", "fd00::1"]
)
async def test_a_name_that_leads_inside_is_refused_and_nothing_is_connected(address: str) -> None:
    async with web_server(reply(b"1")) as server:
        entry = f"{NAME}:{server.port}"
        names = Names(["8.8.8.8", address])
        answer, output = await ask(f"https://{entry}/", context_of(entry), resolve=names)
        assert "its name leads to" in answer["error"]
        assert address not in output.content
        assert server.connections == 0


async def test_the_judged_address_is_the_one_that_is_asked(tmp_path: Path) -> None:
    """A name that answers differently the second time gains nothing: there is no second time."""
    authority = Authority()
    tls = authority.server(NAME, str(tmp_path / "pem"))
    judged: list[list[str]] = []

    def judge(target: Target, found: Sequence[str]) -> Sequence[str]:
        judged.append(list(found))
        return found

    async with (
        web_server(reply(b'"good"'), tls=tls) as good,
        web_server(reply(b'"evil"'), host="127.0.0.2") as evil,
    ):
        entry = f"{NAME}:{good.port}"
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        answer, _ = await ask(
            f"https://{entry}/p", context_of(entry), resolve=names, judge=judge, tls=authority.client()
        )
    assert answer["data"] == "good"
    assert names.asked == [(NAME, good.port)]
    assert judged == [["127.0.0.1"]]
    assert evil.connections == 0
    assert good.names == [NAME]
    assert f"host: {entry}" in good.heads[0].lower()
    assert good.heads[0].startswith("GET /p HTTP/1.1\r\n")


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    authority = Authority()
    for shown in ("other.example.com", "127.0.0.1"):
        tls = authority.server(shown, str(tmp_path / "pem"))
        async with web_server(reply(b'"evil"'), tls=tls) as server:
            entry = f"{NAME}:{server.port}"
            answer, _ = await ask(
                f"https://{entry}/",
                context_of(entry),
                resolve=Names(["127.0.0.1"]),
                judge=loopback_is_fine,
                tls=authority.client(),
            )
        assert "no certificate that can be trusted" in answer["error"]
        assert server.heads == [], "nothing was sent"


async def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    tls = Authority().server(NAME, str(tmp_path / "pem"))
    async with web_server(reply(b'"evil"'), tls=tls) as server:
        entry = f"{NAME}:{server.port}"
        answer, _ = await ask(
            f"https://{entry}/", context_of(entry), resolve=Names(["127.0.0.1"]), judge=loopback_is_fine
        )
    assert "no certificate that can be trusted" in answer["error"]


async def test_an_address_needs_a_certificate_of_that_address(tmp_path: Path) -> None:
    authority = Authority()
    tls = authority.server("127.0.0.1", str(tmp_path / "pem"))
    async with web_server(reply(b"1"), tls=tls) as server:
        entry = f"127.0.0.1:{server.port}"
        answer, _ = await ask(f"https://{entry}/", context_of(entry), tls=authority.client())
        assert answer["data"] == 1
        entry = f"localhost:{server.port}"
        answer, _ = await ask(f"https://{entry}/", context_of(entry), tls=authority.client())
        assert "no certificate" in answer["error"]


async def test_ipv6_is_asked_by_its_address() -> None:
    async with web_server(reply(b"6"), host="::1") as server:
        entry = f"[::1]:{server.port}"
        answer, _ = await ask(f"http://{entry}/", context_of(entry))
        assert answer["data"] == 6
        assert f"host: {entry}" in server.heads[0].lower()
        entry = f"localhost:{server.port}"
        answer, _ = await ask(f"http://{entry}/", context_of(entry))
        assert answer["data"] == 6, "localhost is 127.0.0.1, then ::1"


async def test_the_next_address_is_asked_when_one_takes_no_connection() -> None:
    async with web_server(reply(b"1"), host="127.0.0.3") as server:
        target = Target(scheme="http", host=NAME, port=server.port, path="/")
        asking = fetcher(resolve=Names(["127.0.0.2", "127.0.0.3"]), judge=loopback_is_fine)
        fetched = await asking.fetch(target, {})
    assert (fetched.status, fetched.body) == (200, b"1")


async def test_four_addresses_of_a_name_are_tried_and_no_more() -> None:
    async with web_server(reply(b"1"), host="127.0.0.6") as server:
        target = Target(scheme="http", host=NAME, port=server.port, path="/")
        names = [f"127.0.0.{last}" for last in range(2, 7)]
        with pytest.raises(FetchFailed, match="took no connection"):
            await fetcher(resolve=Names(names), judge=loopback_is_fine).fetch(target, {})
        fetched = await fetcher(resolve=Names(names[1:]), judge=loopback_is_fine).fetch(target, {})
    assert fetched.body == b"1"


async def test_a_server_without_tls_gets_no_request() -> None:
    async with web_server(reply(b"1")) as server:
        entry = f"127.0.0.1:{server.port}"
        answer, _ = await ask(f"https://{entry}/", context_of(entry), deadline_s=0.3)
        assert "longer than 0.3 s" in answer["error"]
        await server.gone.wait()
        assert server.heads == []


async def test_a_server_that_answers_tls_with_something_else_is_a_failure() -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 mail.example.com ESMTP\r\n")
        await wait_until_gone(stream)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, talk, [listener])
        entry = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        answer, _ = await ask(f"https://{entry}/", context_of(entry))
        assert "took no TLS connection" in answer["error"]
        nursery.cancel_scope.cancel()


def test_a_request_has_ten_seconds_and_a_body_one_mebibyte() -> None:
    assert DEADLINE_S == 10
    assert BODY_BYTES_MAX == 1024 * 1024
    assert HttpGet().timeout_s > DEADLINE_S, "the tool tells of its own deadline"


async def test_nobody_there_is_a_failure() -> None:
    async with web_server(b"") as server:
        entry = f"127.0.0.1:{server.port}"
    answer, _ = await ask(f"http://{entry}/", context_of(entry))
    assert "took no connection" in answer["error"]


async def test_a_name_without_addresses_or_a_name_server_that_is_slow_is_a_failure() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    async def slow(host: str, port: int) -> Sequence[str]:
        await trio.sleep_forever()
        raise AssertionError

    answer, _ = await ask(f"https://{NAME}/", context_of(NAME), resolve=unknown)
    assert "has no address" in answer["error"]
    answer, _ = await ask(f"https://{NAME}/", context_of(NAME), resolve=slow, deadline_s=0.2)
    assert "longer than 0.2 s" in answer["error"]


async def test_the_system_answers_for_names_and_its_answers_are_judged() -> None:
    """The real resolver, for a name that every machine has, as if it were one of the internet."""
    found = await SystemResolver()("localhost", 80)
    assert set(found) <= {"127.0.0.1", "::1"}
    with pytest.raises(UrlRefused, match="loopback"):
        allowed_addresses(Target(scheme="https", host=NAME, port=443, path="/"), found)


async def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with web_server(reply(b"1")) as server, web_server(reply(b"2")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        answer = await ask_local(server)
        assert answer["data"] == 1
        assert proxy.connections == 0
        assert "authorization" not in server.heads[0].lower()


async def test_nothing_is_kept_from_one_request_to_the_next() -> None:
    said = reply(b"1", "application/json", 200, "Set-Cookie: a=b; Path=/", "Connection: keep-alive")
    async with web_server(said) as server:
        entry = f"127.0.0.1:{server.port}"
        tool = HttpGet(fetcher())
        for _ in range(2):
            await tool.run(context_of(entry), {"url": f"http://{entry}/"})
        assert server.connections == 2
        assert "cookie" not in server.heads[1].lower()


# -- what a bot allows --------------------------------------------------------------------------------


async def test_a_refused_url_tells_why_and_what_is_allowed() -> None:
    answer, output = await ask("https://evil.example/x", context_of("api.example.com", "*.example.org"))
    assert answer == {
        "success": False,
        "error": "evil.example is not among the allowed domains.",
        "allowed_domains": ["api.example.com", "*.example.org"],
    }
    assert output.audit["url"] == "https://evil.example/x"
    assert output.audit["status"] is None


async def test_without_domains_nothing_can_be_asked() -> None:
    answer, _ = await ask(f"https://{NAME}/", context_of())
    assert "no allowed domains" in answer["error"]


async def test_only_get_is_possible() -> None:
    tool = HttpGet(fetcher())
    for method in ("POST", "DELETE", "GET\r\nX: y", 7):
        output = await tool.run(context_of(NAME), {"url": f"https://{NAME}/", "method": method})
        assert "Only the method GET" in output.content
    async with web_server(reply(b"1")) as server:
        entry = f"127.0.0.1:{server.port}"
        output = await tool.run(context_of(entry), {"url": f"http://{entry}/", "method": "get"})
        assert output.ok


async def test_arguments_of_the_wrong_type_are_told() -> None:
    for arguments in ({}, {"url": None}, {"url": ["https://a.example"]}):
        with pytest.raises(ToolError, match="url"):
            await HttpGet(fetcher()).run(context_of(NAME), arguments)


def test_the_label_tells_the_host_and_nothing_else() -> None:
    tool = HttpGet(fetcher())
    assert tool.label({"url": "https://api.example.com/x?key=abc"}) == "Asking api.example.com..."
    assert tool.label({"url": "https://user:pw@api.example.com/"}) == "Asking a web address..."
    assert tool.label({}) == "Asking a web address..."


def test_domains_are_those_of_the_caller_without_secrets() -> None:
    context = context_of(
        "{{ user_id }}.example.com",
        "{{system:host}}",
        "{{mine}}",
        "{{token}}",
        "{{missing}}",
        "https://x.example.com",
        system={
            "host": Setting(value="sys.example.com"),
            "token": Setting(value="t.example.com", secret=True),
        },
        user={"host": Setting(value="evil.example.com"), "mine": Setting(value="mine.example.com")},
    )
    assert allowed_domains(context) == ["ada.example.com", "sys.example.com", "mine.example.com"]


def test_a_setting_does_not_open_the_own_machine() -> None:
    context = context_of("{{host}}", "{{host}}:6379", user={"host": Setting(value="localhost")})
    assert allowed_domains(context) == []
    assert allowed_domains(context_of("localhost:9000")) == ["localhost:9000"]


# -- headers and secrets ------------------------------------------------------------------------------

KEY = "sk-very/secret+key=="


async def test_headers_go_to_exactly_their_host_and_their_echo_is_masked() -> None:
    async def echo(stream: trio.abc.Stream) -> None:
        await stream.send_all(
            reply(json.dumps({"head": server.heads[-1], KEY: [KEY]}).replace("/", "\\/").encode())
        )

    async with web_server(echo) as server:
        entry = f"127.0.0.1:{server.port}"
        context = context_of(
            entry,
            headers={
                entry: {
                    "Authorization": "Bearer {{api_key}}",
                    "X-Tenant": "acme-tenant",
                    "X-None": "{{none}}",
                },
                "127.0.0.1": {"X-Other-Port": "a"},
                "*.0.0.1": {"X-Wildcard": "a"},
                "localhost": {"X-Other-Host": "a"},
            },
            system={"api_key": Setting(value=KEY, secret=True)},
        )
        answer, output = await ask(f"http://{entry}/?k={KEY}", context)
    head = server.heads[0]
    assert f"authorization: Bearer {KEY}" in head
    assert "x-tenant: acme-tenant" in head
    assert "x-none" not in head
    assert "X-Other" not in head
    assert "x-other" not in head.lower()
    assert "wildcard" not in head.lower()
    assert answer["data"]["***"] == ["***"]
    assert "authorization: ***" in answer["data"]["head"]
    assert "acme-tenant" not in output.content
    assert KEY not in output.content
    assert output.audit["url"] == f"http://{entry}/?k=***"


async def test_an_echo_in_an_error_or_a_redirect_is_masked() -> None:
    for said in (
        reply(KEY.encode(), "text/plain", 401),
        reply(b"", "", 302, "Location: https://acme-tenant.example/"),
    ):
        async with web_server(said) as server:
            entry = f"127.0.0.1:{server.port}"
            headers = {entry: {"X-Key": "{{api_key}}", "X-Tenant": "acme-tenant"}}
            context = context_of(entry, headers=headers, system={"api_key": Setting(value=KEY, secret=True)})
            _, output = await ask(f"http://{entry}/", context)
        assert "***" in output.content
        assert KEY not in output.content
        assert "acme-tenant" not in output.content


@pytest.mark.parametrize(
    "value", ["a-secret\r\nX-Injected: 1", "a-secret\x00", "a-secret\n", "a-secretä", "a-secret\x7f"]
)
async def test_a_header_that_cannot_travel_refuses_the_request_without_its_value(value: str) -> None:
    async with web_server(reply(b"1")) as server:
        entry = f"127.0.0.1:{server.port}"
        context = context_of(entry, headers={entry: {"X-Key": "{{k}}."}}, user={"k": Setting(value=value)})
        answer, output = await ask(f"http://{entry}/", context)
        assert "'X-Key'" in answer["error"]
        assert "a-secret" not in output.content
        assert server.connections == 0


async def test_a_secret_number_is_masked_where_it_comes_back_as_a_number() -> None:
    async with web_server(reply(b"[1234567890, 12, true, null]")) as server:
        entry = f"127.0.0.1:{server.port}"
        context = context_of(
            entry,
            headers={entry: {"X-Pin": "{{pin}}"}},
            system={"pin": Setting(value="1234567890", secret=True)},
        )
        answer, _ = await ask(f"http://{entry}/", context)
    assert answer["data"] == ["***", 12, True, None]


async def test_an_echo_in_an_answer_that_is_cut_is_masked_too() -> None:
    async with web_server(reply(json.dumps([{"a": KEY}] * 2000).replace("/", "\\u002f").encode())) as server:
        entry = f"127.0.0.1:{server.port}"
        context = context_of(
            entry, headers={entry: {"X-Key": "{{k}}"}}, system={"k": Setting(value=KEY, secret=True)}
        )
        answer, output = await ask(f"http://{entry}/", context)
    assert answer["truncated"] is True
    assert answer["data"].startswith('[{"a":"***"},')
    assert KEY[:10] not in output.content


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "X Y", "X:Y", "", "X\r\nY", "ä"]
)
async def test_headers_that_steer_the_request_are_refused(name: str) -> None:
    async with web_server(reply(b"1")) as server:
        entry = f"127.0.0.1:{server.port}"
        answer, _ = await ask(f"http://{entry}/", context_of(entry, headers={entry: {name: "evil.example"}}))
        assert "may not send the header" in answer["error"]
        assert server.connections == 0


async def test_the_audit_has_facts_and_no_body() -> None:
    async with web_server(reply(b'{"a": 1}')) as server:
        entry = f"127.0.0.1:{server.port}"
        _, output = await ask(f"http://{entry}/p?q=1", context_of(entry))
    assert output.audit["url"] == f"http://{entry}/p?q=1"
    assert (output.audit["status"], output.audit["bytes"]) == (200, 8)
    assert isinstance(output.audit["ms"], int)
    assert output.audit.keys() == {"url", "status", "bytes", "ms"}
