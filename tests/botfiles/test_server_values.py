"""Headers cannot become other headers; a server is a program or an address."""

import pytest

from appliance.bot import McpServer
from appliance.botfiles.server_values import http_headers, mcp_servers, merge_headers, merge_servers


def test_headers_by_host() -> None:
    assert http_headers({"API.example.com": {"X-Key": " {{crm.key}} "}}) == {
        "api.example.com": {"X-Key": "{{crm.key}}"}
    }


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "Connection", "a b", "", "a:"]
)
def test_headers_that_frame_a_request_and_odd_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"example\.com"):
        http_headers({"example.com": {name: "x"}})


@pytest.mark.parametrize("value", ["a\r\nX-B: c", "a\nb", "a\0b", "ä", "", 1, None])
def test_values_that_are_no_single_line_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="X-A"):
        http_headers({"example.com": {"X-A": value}})


@pytest.mark.parametrize(
    "host", ["https://example.com", "example.com/x", "*.example.com", "", "a b", "10.0.0.1"]
)
def test_what_is_no_single_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError):
        http_headers({host: {"X-A": "b"}})


def test_headers_of_a_host_merge_unless_they_differ() -> None:
    first = {"example.com": {"X-A": "b"}}
    assert merge_headers(first, {"example.com": {"x-a": "b", "X-C": "d"}}) == {
        "example.com": {"X-A": "b", "X-C": "d"}
    }
    with pytest.raises(ValueError, match="x-a is given again"):
        merge_headers(first, {"example.com": {"x-a": "c"}})
    with pytest.raises(ValueError, match="one header twice"):
        http_headers({"example.com": {"X-A": "b", "x-a": "c"}})


def test_a_command_is_taken_apart_as_in_a_shell_without_running_one() -> None:
    data = {
        "files": {"command": "mcp-files --root 'my data' $HOME", "env": {"KEY": "{{k}}"}, "tools": "a, b"}
    }
    assert mcp_servers(data) == [
        McpServer(
            name="files",
            command=["mcp-files", "--root", "my data", "$HOME"],
            env={"KEY": "{{k}}"},
            tools=["a", "b"],
        )
    ]
    assert mcp_servers({"x": {"command": ["a b"]}})[0].command == ["a b"]
    (server,) = mcp_servers({"crm": {"url": "https://example.com/mcp", "headers": {"X-Key": "1"}}})
    assert (server.url, server.headers) == ("https://example.com/mcp", {"X-Key": "1"})


BAD = [
    ({"Files": {"command": "a"}}, "a name is up to 64"),
    ({"x": {}}, "x: needs either a command or a url"),
    ({"x": {"command": "a", "url": "https://a"}}, "needs either"),
    ({"x": {"command": "a 'b"}}, "cannot be taken apart"),
    ({"x": {"command": [1]}}, "a text or a list"),
    ({"x": {"command": [""]}}, "begin with a program"),
    ({"x": {"command": "a", "headers": {"X-A": "b"}}}, "headers are for a url"),
    ({"x": {"url": "https://a", "env": {"A": "b"}}}, "env is for a command"),
    ({"x": {"url": "ftp://a"}}, "must look like https"),
    ({"x": {"url": "https://a", "headers": {"Host": "b"}}}, "Host: is set by the client itself"),
    ({"x": {"command": "a", "env": {"A-B": "c"}}}, "A-B: is no name"),
    ({"x": {"comand": "a"}}, "unknown key 'comand'"),
    ({"x": "a"}, "must be a mapping"),
]


@pytest.mark.parametrize(("data", "reason"), BAD)
def test_mistakes_name_the_server(data: object, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        mcp_servers(data)
    assert reason in str(refused.value)


def test_servers_of_one_name_must_be_the_same() -> None:
    first = mcp_servers({"x": {"command": "a"}})
    assert merge_servers(first, first) == first
    with pytest.raises(ValueError, match="two servers"):
        merge_servers(first, mcp_servers({"x": {"command": "b"}}))
