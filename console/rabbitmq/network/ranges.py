"""IP ranges that a broker can't be in, or only if a setting allows it.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries, the IANA registries of multicast
and of global unicast addresses, and the providers' documents for instance metadata. Python's own
`is_global` follows the registries of its release date, so the ranges are listed here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from console.rabbitmq.endpoint import AddressPolicy

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


#: Always refused, whatever the policy says: instance metadata and neighboring hosts.
_METADATA = _networks(
    "169.254.0.0/16",  # AWS, Azure, Google, OpenStack, DigitalOcean; all link-local
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure wire server
    "192.0.0.192/32",  # Oracle
    "fd00:ec2::/32",  # AWS over IPv6
    "fd20:ce::254/128",  # Google over IPv6
)
_UNSPECIFIED = _networks("0.0.0.0/32", "::/128")
_LINK_LOCAL = _networks("fe80::/10")
_MULTICAST = _networks("224.0.0.0/4", "ff00::/8")
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_PRIVATE = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"
)  # fmt: skip
#: The remaining special-purpose ranges. Some count as globally reachable there (anycast of AS112,
#: AMT, PCP, TURN), but no broker is in them either.
_RESERVED = _networks(
    "0.0.0.0/8",  # this network
    "192.0.0.0/24",  # IETF protocol assignments
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT
    "192.88.99.0/24",  # 6to4 relay anycast
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "240.0.0.0/4",  # reserved, limited broadcast
    "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID, drones
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4, deprecated by RFC 7526
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
)
#: All that IANA has allocated for global use. Everything else is reserved: discard (100::/64),
#: segment routing (5f00::/16), site-local (fec0::/10) and the rest.
_GLOBAL_IPV6 = _networks("2000::/3")
#: Addresses in these contain an IPv4 address, and only that one is checked.
_SAME_AS_IPV4 = _networks(
    "::/96",  # IPv4-compatible, RFC 4291
    "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
    "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765 (SIIT)
    "64:ff9b::/96",  # NAT64, RFC 6052
)
_SIXTOFOUR = _networks("2002::/16")
_TEREDO = _networks("2001::/32")
#: Only the network itself knows where these contain the IPv4 address (RFC 8215).
_LOCAL_NAT64 = _networks("64:ff9b:1::/48")
#: Upper half of an ISATAP interface identifier, without the universal/local and group bits (RFC
#: 5214, section 6.1).
_ISATAP, _ISATAP_FREE_BITS = 0x0000_5EFE, 0x0300_0000


def why_forbidden(address: IpAddress, policy: AddressPolicy) -> str | None:
    """Return why the console can't connect to this IP address, as a sentence; None if it can.

    An IPv4 address inside an IPv6 one (mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP)
    is checked too: a gateway on the way could deliver to it.
    """
    reasons = (_why_forbidden(form, policy) for form in _destinations(address))
    return next((reason for reason in reasons if reason), None)


def _why_forbidden(address: IpAddress, policy: AddressPolicy) -> str | None:
    if _within(address, _METADATA):
        return f"{address} is a link-local or cloud metadata address."
    if _within(address, _UNSPECIFIED):
        return f"{address} isn't the address of a host."
    if _within(address, _LINK_LOCAL):
        return f"{address} is a link-local address."
    if _within(address, _MULTICAST):
        return f"{address} is a multicast address."
    if _within(address, _LOCAL_NAT64):
        return f"{address} stands for an IPv4 address that the console can't identify."
    if _within(address, (ipaddress.ip_network(n, strict=False) for n in policy.extra_networks)):
        return None
    if _within(address, _LOOPBACK):
        if policy.allow_loopback:
            return None
        return (
            f"{address} is the machine of the console. Allow it with "
            "CONSOLE_ALLOW_LOOPBACK_BROKERS."
        )
    if _within(address, _PRIVATE):
        if policy.allow_private:
            return None
        return f"{address} is in a private network. Allow it with CONSOLE_ALLOW_PRIVATE_BROKERS."
    if _within(address, _RESERVED) or (address.version == 6 and not _is_global_ipv6(address)):
        return f"{address} is in a reserved range."
    return None


def _destinations(address: IpAddress) -> list[IpAddress]:
    """Return the addresses where a packet to `address` can arrive."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    bits = int(address)
    if _within(address, _SAME_AS_IPV4) and bits > 1:
        return [_ipv4(bits)]
    inner: list[IpAddress] = []
    if _within(address, _SIXTOFOUR):
        inner = [_ipv4(bits >> 80)]
    elif _within(address, _TEREDO):
        inner = [_ipv4(bits >> 64), _ipv4(~bits)]  # server, and client inverted (RFC 4380)
    return [*inner, *_isatap(bits), address]


def _isatap(bits: int) -> list[IpAddress]:
    marker = (bits >> 32) & 0xFFFFFFFF & ~_ISATAP_FREE_BITS
    return [_ipv4(bits)] if marker == _ISATAP else []


def _ipv4(bits: int) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(bits & 0xFFFFFFFF)


def _is_global_ipv6(address: IpAddress) -> bool:
    return _within(address, _GLOBAL_IPV6)


def _within(address: IpAddress, networks: Iterable[IpNetwork]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
