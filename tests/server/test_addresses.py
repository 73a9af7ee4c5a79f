import pytest

from appliance.errors import InvalidInput
from appliance.server.addresses import client_ip, parse_networks

PROXIES = parse_networks("10.0.0.0/8, 192.0.2.7, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "1.1.1.1", "203.0.113.9"),  # a stranger may say what he likes
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),  # the left one is the client's own invention
        ("10.0.0.1", "6.6.6.6,203.0.113.9, 192.0.2.7 ", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, garbage, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "6.6.6.6,", "10.0.0.1"),
        ("10.0.0.1", "999.1.1.1", "10.0.0.1"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("fd00::1", "2001:DB8:0:0::5", "2001:db8::5"),
        ("fd00::1", "[2001:db8::5]:443", "2001:db8::5"),
        ("10.0.0.1", "203.0.113.9:5123", "203.0.113.9"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
        ("fe80::1%eth0", "", "fe80::1%eth0"),
        ("", "1.1.1.1", ""),
        ("unix", "1.1.1.1", "unix"),
    ],
)
def test_the_right_most_untrusted_address_counts(peer: str, forwarded_for: str, expected: str) -> None:
    assert client_ip(peer, forwarded_for, PROXIES) == expected


def test_without_trusted_proxies_the_peer_counts() -> None:
    assert client_ip("127.0.0.1", "1.1.1.1", parse_networks(" , ")) == "127.0.0.1"


@pytest.mark.parametrize("text", ["proxy", "10.0.0.0/33", "10.0.0.1, nope"])
def test_a_bad_proxy_entry_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match="APPLIANCE_TRUSTED_PROXIES: "):
        parse_networks(text)
