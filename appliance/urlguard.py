"""Which addresses of the web a bot may ask: one strict reading of a URL, and the list of allowed hosts. Pure.

Nothing is guessed or repaired. What two programs could read differently (backslashes, `user@`, numbers that
are no dotted address, letters beyond ASCII) is refused, so that what was judged is what is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal

import msgspec

from appliance.addressguard import address_problem, operators_problem

URL_CHARS_MAX = 4096
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
"""The only hosts of the own machine that can be allowed, each by its own entry."""

_PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?(.*)", re.DOTALL)
_FORBIDDEN = re.compile(r"[^!-~]|[\\|^`<>\"{}]")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL_PERCENT = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER_LIKE = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTTED = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_IPV6 = re.compile(r"[0-9a-f:.]{2,45}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")

_INTERNAL_NAMES = frozenset(
    {"metadata", "instance-data", "ip6-localhost", "ip6-loopback", "kubernetes.default"}
)
_INTERNAL_ENDINGS = (
    "local",
    "localhost",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "lan",
    "home",
    "home.arpa",
    "corp",
    "svc",
    "kubernetes.default",
)

REFUSED_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that decide where a request goes, how long it is or how the answer is packed: never a bot's."""


class UrlRefused(Exception):
    """This URL or entry is not good; the text says why and what would be."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that was judged. `host` is in lower case, an IPv6 address without brackets.

    `path` is path and query as they are sent. `local` tells a host of the own machine, which was listed.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    local: bool = False

    @property
    def host_header(self) -> str:
        """The host as the server gets told it, with the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """True when there is no name to look up."""
        return ":" in self.host or _is_dotted(self.host)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One allowed host. A `wildcard` stands for `host` and every name below it; no `port`: the usual one."""

    host: str
    port: int | None = None
    wildcard: bool = False

    def matches(self, scheme: str, host: str, port: int) -> bool:
        """Whether it allows this host and port."""
        below = self.wildcard and host.endswith("." + self.host)
        return (below or host == self.host) and port == (self.port or _PORTS[scheme])


def check_url(url: str, allowed: Iterable[str]) -> Target:
    """`url` as it may be asked under the entries of `allowed`; raises `UrlRefused`.

    An entry is `host`, `*.host`, `host:port`, or an address; one that is not understood matches nothing.
    """
    scheme, host, port, path = _read(url)
    problem = None if host in LOCAL_HOSTS else _host_problem(host)
    if problem:
        raise UrlRefused(f"{host} cannot be asked: {problem}.")
    if not any(entry.matches(scheme, host, port) for entry in read_entries(allowed)):
        raise UrlRefused(f"{_with_port(scheme, host, port)} is not among the allowed domains.")
    local = host in LOCAL_HOSTS
    if scheme == "http" and not local:
        raise UrlRefused("http:// is for the own machine only; write https://.")
    return Target(scheme=scheme, host=host, port=port, path=path, local=local)


def check_page(url: str, *, private: bool = False) -> Target:
    """`url` of a page that somebody wants read into a knowledge base; raises `UrlRefused`.

    Any host of the internet, by http or https. `private` is an operator's word: their own networks, too.
    """
    scheme, host, port, path = _read(url)
    if not private and (problem := _host_problem(host)):
        raise UrlRefused(f"{host} cannot be asked: {problem}.")
    return Target(scheme=scheme, host=host, port=port, path=path, local=private and host in LOCAL_HOSTS)


def host_of(url: str) -> str | None:
    """The host that `url` names, for people to read; None when it is not a good URL."""
    try:
        return _read(url)[1]
    except UrlRefused:
        return None


def read_entries(entries: Iterable[str]) -> list[Entry]:
    """The entries that are understood; the others allow nothing."""
    understood = []
    for text in entries:
        try:
            understood.append(read_entry(text))
        except UrlRefused:
            continue
    return understood


def entry_problem(text: str) -> str | None:
    """Why the entry `text` of an allow list allows nothing; None for a good one."""
    try:
        read_entry(text)
    except UrlRefused as refusal:
        return str(refusal)
    return None


def read_entry(text: str) -> Entry:
    """One entry of an allow list; raises `UrlRefused` for what would never match or matches everything."""
    text = text.strip()
    wildcard = text.startswith("*.")
    host, port = _entry_authority(text[2:] if wildcard else text)
    if wildcard and (_is_address(host) or "." not in host):
        raise UrlRefused(f"{text} is too wide: write a domain such as *.example.com.")
    problem = None if host in LOCAL_HOSTS else _host_problem(host)
    if problem:
        raise UrlRefused(f"{host} cannot be allowed: {problem}.")
    return Entry(host=host, port=port, wildcard=wildcard)


def allowed_addresses(target: Target, found: Sequence[str]) -> list[str]:
    """The addresses of the target's name, each once, to connect to; one bad among them refuses the name."""
    for address in found:
        if problem := address_problem(address):
            raise UrlRefused(f"{target.host} cannot be asked: its name leads to {problem}.")
    return list(dict.fromkeys(found))


def operators_addresses(target: Target, found: Sequence[str]) -> list[str]:
    """`allowed_addresses` for what an operator asks: addresses of their own networks are good, too."""
    for address in found:
        if problem := operators_problem(address):
            raise UrlRefused(f"{target.host} cannot be asked: its name leads to {problem}.")
    return list(dict.fromkeys(found))


def _read(url: str) -> tuple[Literal["http", "https"], str, int, str]:
    """Scheme, host, port, and path with query."""
    _check_characters(url)
    parts = _URL.fullmatch(url)
    scheme = parts[1].lower() if parts else ""
    if not parts or not parts[2]:
        raise UrlRefused("This is not a web address; write it like https://host/path.")
    if scheme not in ("http", "https"):
        raise UrlRefused(f"{scheme[:20]}: is not allowed; only https: is.")
    authority, path = _split(parts[3])
    host, port_text = _host_and_port(authority)
    checked: Literal["http", "https"] = "https" if scheme == "https" else "http"
    port = _PORTS[scheme] if port_text is None else _port(port_text)
    return checked, _host(host), port, path


def _check_characters(url: str) -> None:
    if len(url) > URL_CHARS_MAX:
        raise UrlRefused(f"The URL has more than {URL_CHARS_MAX} characters.")
    if found := _FORBIDDEN.search(url):
        raise UrlRefused(
            f"The URL has the character {found[0]!a}; in a path or query it is percent-encoded, "
            "a host name beyond ASCII is written in punycode (xn--...)."
        )


def _split(text: str) -> tuple[str, str]:
    """Authority, and path with query but without the fragment, which is never sent."""
    text = text.partition("#")[0]
    end = min((at for at in (text.find("/"), text.find("?")) if at >= 0), default=len(text))
    authority, path = text[:end], text[end:]
    if _BROKEN_PERCENT.search(path):
        raise UrlRefused("The URL has a % without two hexadecimal digits behind it; a % itself is %25.")
    if _CONTROL_PERCENT.search(path):
        raise UrlRefused("The URL has an encoded control character such as %0a; leave it out.")
    return authority, path if path.startswith("/") else "/" + path


def _host_and_port(authority: str) -> tuple[str, str | None]:
    """`host`, `host:port`, `[v6]` or `[v6]:port` in two; the port is text, None when there is none."""
    if "@" in authority:
        raise UrlRefused("The URL names a user (@ before the host); leave that out.")
    if not authority.startswith("["):
        host, colon, port = authority.partition(":")
        return host, port if colon else None
    inside, bracket, rest = authority.partition("]")
    if not bracket or (rest and not rest.startswith(":")):
        raise UrlRefused("The IPv6 address of the URL is written wrong; write it like [2606:4700::1111].")
    return inside + bracket, rest[1:] if rest else None


def _entry_authority(text: str) -> tuple[str, int | None]:
    """Host and port of an entry; an IPv6 address may stand there without brackets."""
    if _FORBIDDEN.search(text):
        raise UrlRefused(
            "An allowed domain has ASCII letters, digits, dots and hyphens only (punycode: xn--...)."
        )
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    host, port = _host_and_port(text)
    return _host(host), None if port is None else _port(port)


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65_535:
        raise UrlRefused("The port is not a plain number between 1 and 65535.")
    return int(text)


def _host(text: str) -> str:
    """A strict name or address in its one form; raises `UrlRefused` for what could be read in two ways."""
    lowered = text.lower()
    if lowered.startswith("["):
        return _ipv6(lowered[1:-1])
    labels = lowered.split(".")
    if _NUMBER_LIKE.fullmatch(labels[-1]):
        if not _is_dotted(lowered):
            raise UrlRefused("The host is a number that is no address; write four decimal numbers with dots.")
        return lowered
    if not all(_LABEL.fullmatch(label) for label in labels) or len(lowered) > 253:
        raise UrlRefused(
            "The host is not a good name: letters, digits and hyphens between dots, none at the end, "
            "nothing percent-encoded."
        )
    if not labels[-1][0].isalpha():
        raise UrlRefused("The host does not end in a top-level domain such as .com.")
    return lowered


def _ipv6(text: str) -> str:
    try:
        if not _IPV6.fullmatch(text):
            raise AddressValueError
        return IPv6Address(text).compressed
    except AddressValueError:
        raise UrlRefused("What stands in brackets is no IPv6 address (zones are not taken).") from None


def _is_dotted(host: str) -> bool:
    """True for four plain decimal numbers up to 255."""
    if not _DOTTED.fullmatch(host):
        return False
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _is_address(host: str) -> bool:
    return ":" in host or _is_dotted(host)


def _host_problem(host: str) -> str | None:
    """Why nobody may list this host; names that are looked up get judged again by their addresses."""
    if _is_address(host):
        problem = address_problem(host)
        return problem and f"it is {problem}"
    ends_inside = any(host == ending or host.endswith("." + ending) for ending in _INTERNAL_ENDINGS)
    if host in _INTERNAL_NAMES or ends_inside or "." not in host:
        return "it is a name of an internal network"
    return None


def _with_port(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == _PORTS[scheme] else f"{shown}:{port}"
