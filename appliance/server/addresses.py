"""The client's address: the peer's, or what proxies that we trust say in X-Forwarded-For."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from appliance.errors import InvalidInput

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def parse_networks(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, ::1` -> networks; raises `InvalidInput` that names the entry which is none."""
    return tuple(_network(entry.strip()) for entry in text.split(",") if entry.strip())


def client_ip(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The nearest address that is not a trusted proxy's; without such proxies always the peer's.

    Each proxy appends whom it heard from, so the list is read from its right end, and only as far as the
    proxies are trusted. An entry that is no address ends the reading: what stands left of it proves nothing.
    """
    nearest = _address(peer)
    if nearest is None:
        return peer
    for entry in reversed(forwarded_for.split(",")):
        heard = _address(entry) if _is_in(nearest, trusted) else None
        if heard is None:
            break
        nearest = heard
    return str(nearest)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Is the peer a proxy that we believe?"""
    address = _address(peer)
    return address is not None and _is_in(address, trusted)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry, strict=False)
    except ValueError as error:
        raise InvalidInput(
            f"APPLIANCE_TRUSTED_PROXIES: {entry!r} is neither an address nor a network such as 10.0.0.0/8."
        ) from error


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """An address as proxies write it: bare, or with a port, or in brackets; None for anything else."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
