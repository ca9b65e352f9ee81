from __future__ import annotations

import ipaddress
import threading

import pytest

from console.rabbitmq.endpoint import AddressPolicy, Credentials, Endpoint, Secret
from console.rabbitmq.errors import (
    AddressForbidden,
    ConnectionRefused,
    NameNotResolved,
    TimedOut,
)
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.network import addresses
from console.rabbitmq.network.addresses import (
    BadAddress,
    check_literal,
    open_connection,
    parse_amqp_url,
    parse_management_url,
    resolve_checked,
    why_forbidden,
)
from console.rabbitmq.network.deadline import Deadline
from tests.faults.hostile import HostileServer, replies

STRICT = AddressPolicy(allow_loopback=False, allow_private=False)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("http://rabbit:15672", "http://rabbit:15672"),
        ("HTTPS://Rabbit.Example.COM", "https://rabbit.example.com:443"),
        ("http://rabbit", "http://rabbit:80"),
        ("  http://rabbit:15672/  ", "http://rabbit:15672"),
        ("http://rabbit:15672/api", "http://rabbit:15672"),
        ("http://rabbit:15672/mq/one/", "http://rabbit:15672/mq/one"),
        ("http://rabbit:15672/mq/api/", "http://rabbit:15672/mq"),
        ("http://[::1]:15672", "http://[::1]:15672"),
        ("http://rabbit.:15672", "http://rabbit:15672"),
        ("http://rabbit_1:15672", "http://rabbit_1:15672"),
    ],
)
def test_a_management_address_has_one_spelling(typed: str, stored: str) -> None:
    assert parse_management_url(typed).text == stored
    assert parse_management_url(stored).text == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "rabbit:15672",
        "//evil",
        "file:///etc/passwd",
        "gopher://rabbit",
        "unix:/run/x",
        "javascript:alert(1)",
        "ftp://rabbit",
        "amqp://rabbit",
        "http:/\\evil",
        "http://",
        "http:///path",
        "http://:15672",
        "http://user:pw@host/",
        "http://allowed@evil/",
        "http://evil#@allowed/",
        "http://rabbit/#/queues",
        "http://rabbit/?x=1",
        "http://rabbit/api/../x",
        "http://rabbit/..",
        "http://rabbit/./x",
        "http://rabbit/%2e%2e/x",
        "http://rabbit/a b",
        "http://rab\tbit/",
        "http://rabbit\n",
        "http://rab\x00bit",
        "http://" + "a." * 150,
        "http://" + "a" * 64,
        "http://rabbit:0",
        "http://rabbit:65536",
        "http://rabbit:abc",
        "http://rabbit:",
        "http://[::1",
        "http://[zz]",
        "http://[fe80::1%eth0]/",
        "http://rа́bbit/",
        "http://ra*bit/",
        "http://rabbit..example/",
        "http://rabbit/" + "a" * 3000,
    ],
)
def test_what_is_no_plain_address_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(BadAddress) as refused:
        parse_management_url(typed)
    sentence = str(refused.value)
    assert sentence.endswith((".", ")."))
    assert "pw" not in sentence


@pytest.mark.parametrize(
    ("typed", "port", "vhost"),
    [
        ("amqp://rabbit", 5672, "/"),
        ("amqps://rabbit/", 5671, "/"),
        ("amqp://rabbit:1/%2F", 1, "/"),
        ("amqp://rabbit/orders", 5672, "orders"),
        ("amqp://rabbit/%2Ftest%2F4730", 5672, "/test/4730"),
    ],
)
def test_an_amqp_address_names_a_vhost(typed: str, port: int, vhost: str) -> None:
    parsed = parse_amqp_url(typed)
    assert (parsed.port, parsed.vhost) == (port, vhost)


@pytest.mark.parametrize(
    "typed",
    ["http://rabbit", "amqp://u:p@rabbit", "amqp://rabbit/a/b", "amqp://rabbit/%ff", "amqp://"],
)
def test_an_odd_amqp_address_is_refused(typed: str) -> None:
    with pytest.raises(BadAddress):
        parse_amqp_url(typed)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",  # noqa: S104
        "::",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
        "2001:0:a9fe:a9fe::1",
    ],
)
def test_metadata_and_unroutable_addresses_are_refused_by_every_policy(address: str) -> None:
    everything = AddressPolicy(
        allow_loopback=True, allow_private=True, extra_networks=("169.254.0.0/16", "fe80::/10")
    )
    assert why_forbidden(ipaddress.ip_address(address), everything)


#: Every range of the IANA special-purpose registries that no setting opens, by its first and last
#: address, and what else is not global unicast.
RESERVED = [
    "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
    "192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4", "169.254.0.0/16",
    "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32",
    "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32",
    "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16",
    "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fe80::/10", "fec0::/10", "ff00::/8",
    "4000::/3", "6000::/3", "8000::/3", "a000::/3", "c000::/3", "e000::/4", "f000::/5", "f800::/6",
    "200::/7", "400::/6", "800::/5", "1000::/4",
]  # fmt: skip


@pytest.mark.parametrize("network", RESERVED)
def test_no_setting_opens_a_special_purpose_range(network: str) -> None:
    everything = AddressPolicy(allow_loopback=True, allow_private=True)
    found = ipaddress.ip_network(network)
    for address in (found[0], found[-1]):
        assert why_forbidden(address, everything), address


def _inside(ipv4: str) -> dict[str, int]:
    """An IPv6 address that leads to this IPv4 one, for each way of writing that."""
    bits = int(ipaddress.IPv4Address(ipv4))
    upper, lower = bits >> 16, bits & 0xFFFF
    nat64 = int(ipaddress.IPv6Address("64:ff9b:1::"))
    site = int(ipaddress.IPv6Address("2606:4700:0:1::"))
    return {
        "mapped": 0xFFFF << 32 | bits,
        "compatible": bits,
        "translated (SIIT)": 0xFFFF << 48 | bits,
        "NAT64": int(ipaddress.IPv6Address("64:ff9b::")) | bits,
        "local NAT64 /48": nat64 | upper << 64 | lower << 40,
        "local NAT64 /56": nat64 | (bits >> 24) << 64 | (bits & 0xFFFFFF) << 32,
        "local NAT64 /64": nat64 | bits << 24,
        "local NAT64 /96": nat64 | bits,
        "6to4": 0x2002 << 112 | bits << 80 | 1,
        "Teredo server": 0x20010000 << 96 | bits << 64 | ~int(ipaddress.IPv4Address("8.8.8.8")) & 0xFFFFFFFF,
        "Teredo client": 0x20010000 << 96 | int(ipaddress.IPv4Address("8.8.8.8")) << 64 | ~bits & 0xFFFFFFFF,
        "ISATAP": site | 0x5EFE << 32 | bits,
        "ISATAP, unique": site | 0x02005EFE << 32 | bits,
        "ISATAP, private": int(ipaddress.IPv6Address("fd12::")) | 0x02005EFE << 32 | bits,
    }  # fmt: skip


@pytest.mark.parametrize("way", _inside("169.254.169.254"))
@pytest.mark.parametrize("ipv4", ["169.254.169.254", "168.63.129.16", "255.255.255.255"])
def test_an_ipv4_address_inside_an_ipv6_one_is_refused_like_it(way: str, ipv4: str) -> None:
    # Even where somebody allows the outer range by hand.
    outer = ("64:ff9b:1::/48", "2001::/32", "2002::/16", "2606:4700::/32")
    everything = AddressPolicy(allow_loopback=True, allow_private=True, extra_networks=outer)
    refused = why_forbidden(ipaddress.IPv6Address(_inside(ipv4)[way]), everything)
    assert refused
    assert ipv4 in refused or "local NAT64" in way


@pytest.mark.parametrize("way", _inside("127.0.0.1"))
@pytest.mark.parametrize("ipv4", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1"])
def test_no_spelling_gets_around_a_policy(way: str, ipv4: str) -> None:
    assert why_forbidden(ipaddress.IPv6Address(_inside(ipv4)[way]), STRICT)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_needs_a_setting(address: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert why_forbidden(parsed, AddressPolicy(allow_loopback=False))
    assert why_forbidden(parsed, AddressPolicy(allow_loopback=True)) is None


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"]
)
def test_private_ranges_follow_the_policy(address: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert why_forbidden(parsed, AddressPolicy(allow_private=False))
    assert why_forbidden(parsed, AddressPolicy(allow_private=True)) is None
    network = ipaddress.ip_network(parsed)
    assert (
        why_forbidden(parsed, AddressPolicy(allow_private=False, extra_networks=(str(network),)))
        is None
    )


def test_public_addresses_may_be_connected_to() -> None:
    for address in ("8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2001:4860:4860::8888",
                    "2606:4700:0:1:200:5efe:808:808", "2a00:1450::1", "3ffe::1"):  # fmt: skip
        assert why_forbidden(ipaddress.ip_address(address), STRICT) is None


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "0x7f.1", "2130706433", "0177.0.0.1", "localhost", "0"],
)
def test_every_spelling_of_this_machine_is_seen_through_without_a_look_up(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "lookup", lambda *_: pytest.fail("looked up"))
    with pytest.raises(AddressForbidden):
        check_literal(host, STRICT)


def test_one_forbidden_address_among_many_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "lookup", lambda *_: ["8.8.8.8", "169.254.169.254"])
    with pytest.raises(AddressForbidden):
        resolve_checked("both.example", 80, AddressPolicy(), Deadline(1))


def test_a_forbidden_address_gets_no_packet() -> None:
    with HostileServer(replies(b"{}")) as server:
        for host in ("127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost"):
            endpoint = Endpoint(
                f"http://{host}:{server.port}", Credentials("u", Secret("p")), policy=STRICT
            )
            with pytest.raises(AddressForbidden):
                BoundedHttp(endpoint).get("/api/whoami")
        assert server.connections == 0


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    monkeypatch.setattr(addresses, "lookup", lambda *_: next(answers))
    with HostileServer(replies(b"{}")) as server:
        endpoint = Endpoint(
            f"http://rebinding.example:{server.port}",
            Credentials("u", Secret("p")),
            policy=AddressPolicy(allow_loopback=True),
        )
        assert BoundedHttp(endpoint).get("/api/x") == b"{}"
        assert server.requests[0].headers["host"] == f"rebinding.example:{server.port}"
        with pytest.raises(AddressForbidden):
            BoundedHttp(endpoint).get("/api/x")
        assert server.connections == 1


def test_a_dead_name_server_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def never_answers(host: str, port: int) -> list[str]:
        released.wait(30)
        return []

    monkeypatch.setattr(addresses, "lookup", never_answers)
    try:
        with pytest.raises(TimedOut):
            resolve_checked("slow.example", 80, AddressPolicy(), Deadline(0.2))
    finally:
        released.set()


def test_an_unknown_name_and_a_closed_port_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    local = AddressPolicy(allow_loopback=True)
    with pytest.raises(NameNotResolved):
        open_connection("no-such-host.invalid", 80, local, Deadline(5), 1)
    with HostileServer(replies(b"")) as server:
        port = server.port
    with pytest.raises(ConnectionRefused):
        open_connection("127.0.0.1", port, local, Deadline(5), 1)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("amqp://rabbit", "amqp://rabbit:5672"),
        ("amqp://rabbit/orders", "amqp://rabbit:5672/orders"),
        ("amqps://rabbit:1/%2Ftest%2f4730", "amqps://rabbit:1/%2Ftest%2F4730"),
    ],
)
def test_what_is_stored_of_an_amqp_address_means_the_same(typed, stored):
    assert parse_amqp_url(typed).text == stored
    assert parse_amqp_url(stored) == parse_amqp_url(typed)
