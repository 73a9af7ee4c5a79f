"""Which addresses of the internet protocol belong to somebody out there: everything else is refused. Pure.

The networks are written out here and not asked of `ipaddress`, whose `is_global` differs between versions of
Python. Whoever connects judges *all* addresses of a name and connects to one that was judged.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

_PLATFORM = "an address of the cloud platform"
_PRIVATE = "a private address"
_LOOPBACK = "a loopback address"
_LINK_LOCAL = "a link-local address"
_SHARED = "a carrier's shared address"
_RESERVED = "a reserved address"
_DOCUMENTATION = "a documentation address"
_MULTICAST = "a multicast address"
_EMBEDDED = "an IPv6 address that stands for an IPv4 one"

_IPV4 = [
    (IPv4Network(network), what)
    for network, what in [
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", _PRIVATE),
        ("100.100.100.200/32", _PLATFORM),  # Alibaba answers here, inside its machines only
        ("100.64.0.0/10", _SHARED),
        ("127.0.0.0/8", _LOOPBACK),
        ("168.63.129.16/32", _PLATFORM),  # Azure answers here, inside its machines only
        ("169.254.0.0/16", _LINK_LOCAL),
        ("172.16.0.0/12", _PRIVATE),
        ("192.0.0.0/24", _RESERVED),
        ("192.0.2.0/24", _DOCUMENTATION),
        ("192.88.99.0/24", _RESERVED),
        ("192.168.0.0/16", _PRIVATE),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", _DOCUMENTATION),
        ("203.0.113.0/24", _DOCUMENTATION),
        ("224.0.0.0/4", _MULTICAST),
        ("240.0.0.0/4", _RESERVED),
    ]
]

_IPV6 = [
    (IPv6Network(network), what)
    for network, what in [
        ("::/128", "an unspecified address"),
        ("::1/128", _LOOPBACK),
        ("::/96", _EMBEDDED),
        ("::ffff:0:0/96", _EMBEDDED),
        ("::ffff:0:0:0/96", _EMBEDDED),
        ("64:ff9b::/96", _EMBEDDED),
        ("64:ff9b:1::/48", _EMBEDDED),
        ("100::/64", "a discarded address"),
        ("2001::/23", _RESERVED),  # Teredo, benchmarking, ORCHID
        ("2001:db8::/32", _DOCUMENTATION),
        ("2002::/16", _EMBEDDED),
        ("3fff::/20", _DOCUMENTATION),
        ("5f00::/16", _RESERVED),
        ("fd00:ec2::/32", _PLATFORM),  # AWS answers here, inside its machines only
        ("fc00::/7", _PRIVATE),
        ("fe80::/10", _LINK_LOCAL),
        ("fec0::/10", _PRIVATE),
        ("ff00::/8", _MULTICAST),
    ]
]

_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""All that was ever given out; the rest of the space is reserved."""


def address_problem(text: str) -> str | None:
    """What `text` is instead of a machine's address on the internet, such as "a private address"; else None.

    IPv6 addresses that carry an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) are refused whatever they
    carry.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return "no address"
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "an address of one network card"
        for network6, what in _IPV6:
            if address in network6:
                return what
        return None if address in _GLOBAL_IPV6 else _RESERVED
    return next((what for network4, what in _IPV4 if address in network4), None)


def operators_problem(text: str) -> str | None:
    """`address_problem` for what an operator asks: machines of their own networks are good, too.

    What stays refused has nothing to read, or is a cloud platform that would hand out the machine's rights.
    """
    problem = address_problem(text)
    return None if problem in (_PRIVATE, _LOOPBACK, _SHARED) else problem
