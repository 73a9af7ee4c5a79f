from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from appliance.addressguard import address_problem
from appliance.urlguard import (
    Target,
    UrlRefused,
    allowed_addresses,
    check_url,
    entry_problem,
    host_of,
    read_entry,
)

HOSTILE: dict[str, Any] = json.loads((Path(__file__).parent / "hostile" / "urls.json").read_text())
CASES: list[dict[str, str]] = HOSTILE["cases"]


def told(target: Target) -> str:
    words = [target.scheme, target.host, str(target.port), target.path, *(["local"] if target.local else [])]
    return " ".join(words)


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{n}-{ascii(case['url'])[:60]}" for n, case in enumerate(CASES)]
)
def test_each_url_gets_its_verdict(case: dict[str, str]) -> None:
    if case["verdict"] == "ok":
        assert told(check_url(case["url"], HOSTILE["allowed"])) == case["target"]
        return
    with pytest.raises(UrlRefused) as refusal:
        check_url(case["url"], HOSTILE["allowed"])
    assert case["says"] in str(refusal.value)


def test_the_list_of_hostile_urls_is_long_and_says_why() -> None:
    assert len(CASES) >= 120
    assert all(case["reason"] for case in CASES)
    assert sum(case["verdict"] == "ok" for case in CASES) >= 20


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["verdict"] == "ok"], ids=lambda case: case["url"]
)
def test_what_is_allowed_by_a_list_is_refused_by_an_empty_one(case: dict[str, str]) -> None:
    with pytest.raises(UrlRefused):
        check_url(case["url"], [])


@pytest.mark.parametrize(
    "entry", ["*", "*.", "*.*", "", "https://api.example.com", "*.com", "*api.example.com"]
)
def test_an_entry_that_is_not_understood_allows_nothing(entry: str) -> None:
    assert entry_problem(entry)
    for url in ("https://api.example.com/", "https://example.com/", "https://com/"):
        with pytest.raises(UrlRefused):
            check_url(url, [entry])


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("http://localhost/", "127.0.0.1"),
        ("http://127.0.0.1/", "localhost"),
        ("http://[::1]/", "127.0.0.1"),
        ("http://localhost/", "*.localhost"),
        ("http://127.0.0.1/", "*.0.0.1"),
        ("http://localhost:9000/", "localhost"),
        ("http://localhost/", "localhost:9000"),
    ],
)
def test_a_host_of_the_own_machine_is_reached_by_its_own_entry_only(url: str, listed: str) -> None:
    with pytest.raises(UrlRefused, match="not among the allowed domains"):
        check_url(url, [listed])


def test_http_is_refused_for_everybody_else_even_with_a_listed_port() -> None:
    with pytest.raises(UrlRefused, match=r"write https://"):
        check_url("http://api.example.com/", ["api.example.com"])
    with pytest.raises(UrlRefused, match=r"write https://"):
        check_url("http://api.example.com:8080/", ["api.example.com:8080"])


def test_the_host_header_has_brackets_and_unusual_ports() -> None:
    allowed = ["api.example.com", "api.example.com:8443", "::1", "[::1]:9000"]
    assert check_url("https://API.example.com/", allowed).host_header == "api.example.com"
    assert check_url("https://api.example.com:8443/", allowed).host_header == "api.example.com:8443"
    assert check_url("http://[::1]/", allowed).host_header == "[::1]"
    assert check_url("http://[::1]:9000/", allowed).host_header == "[::1]:9000"


def test_an_entry_has_host_port_and_wildcard() -> None:
    entry = read_entry(" *.Example.com:8443 ")
    assert (entry.host, entry.port, entry.wildcard) == ("example.com", 8443, True)
    assert entry_problem("api.example.com") is None
    assert entry_problem("::1") is None
    assert "punycode" in (entry_problem("münchen.de") or "")
    assert "internal network" in (entry_problem("metadata.google.internal") or "")
    assert "private" in (entry_problem("10.0.0.1") or "")


def test_host_of_tells_the_host_and_nothing_of_a_bad_url() -> None:
    assert host_of("https://Evil.example/x?key=secret") == "evil.example"
    assert host_of("https://user:pass@evil.example/") is None


TARGET = Target(scheme="https", host="api.example.com", port=443, path="/")


def test_one_bad_address_refuses_the_name() -> None:
    assert allowed_addresses(TARGET, ["8.8.8.8", "8.8.8.8", "2606:4700::1111"]) == [
        "8.8.8.8",
        "2606:4700::1111",
    ]
    with pytest.raises(UrlRefused, match="a private address") as refusal:
        allowed_addresses(TARGET, ["8.8.8.8", "10.1.2.3"])
    assert "10.1.2.3" not in str(refusal.value), "an internal address is not told"


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "2606:4700::1111%2", "localhost", "", "8.8.8", "0x08.8.8.8"]
)
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    assert address_problem(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
        ),
        *("128.0.0.0", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"),
        *("192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
        *("2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "2003::1", "3ffe::1"),
    ],
)
def test_addresses_beside_the_refused_networks_pass(address: str) -> None:
    assert address_problem(address) is None


def test_no_address_of_a_special_network_passes() -> None:
    """Neither the first, nor the last, nor one in the middle."""
    networks = [
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24",
        "192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4",
        "240.0.0.0/4",
        "::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16",
        "3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8 4000::/3 8000::/1 ::/3",
    ]
    for text in " ".join(networks).split():
        network = ipaddress.ip_network(text)
        assert address_problem(str(network[0])), text
        assert address_problem(str(network[-1])), text
        assert address_problem(str(network[network.num_addresses // 2])), text
