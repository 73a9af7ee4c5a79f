"""Lists of addresses and networks, as operators write them in settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, ::1` -> networks; raises `ValueError` that names the entry which is none."""
    return tuple(_network(entry.strip()) for entry in text.split(",") if entry.strip())


def is_within(ip: str, allowed: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks; what is no address is in none."""
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in allowed)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(f"{entry!r} is neither an address nor a network such as 10.0.0.0/8") from None
