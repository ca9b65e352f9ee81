"""What is made of a cluster's nodes: which run, where their plugins are, what they told together."""

from __future__ import annotations

import pytest

from console.rabbitmq.cluster import ClusterView, nodes_are_down, view_during, view_of
from console.rabbitmq.errors import MalformedAnswer
from console.rabbitmq.prometheus.nodes import MOST_NODES, added_up, must_be_of, node_urls
from console.rabbitmq.prometheus.scrape import Scrape
from console.rabbitmq.queue_states import state_of
from console.rabbitmq.types import Listener, Listing, Node, QueueInfo, RejectedRow


def queue(kind: str, state: str | None, node: str | None, members: str = "", online: str = ""):
    return QueueInfo(
        vhost="/", name="q", type=kind, state=state, node=node, durable=True, auto_delete=False,
        exclusive=False, arguments={}, policy=None, operator_policy=None, members=tuple(members),
        online=tuple(online),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "down", "state"),
    [
        (queue("classic", "running", "a"), "", "running"),
        (queue("classic", "running", "a"), "b", "running"),
        (queue("classic", "running", "a"), "a", "down"),
        (queue("classic", "down", "a"), "", "down"),
        (queue("quorum", "running", "a", "abc", "abc"), "", "running"),
        (queue("quorum", "running", "a", "abc", "ab"), "c", "running"),
        # What 3.10 says of a quorum queue in minority.
        (queue("quorum", "running", None, "abc", "a"), "bc", "minority"),
        (queue("quorum", "running", "a", "abcd", "ab"), "", "minority"),
        (queue("quorum", "minority", None, "abc", "a"), "bc", "minority"),
        # The members online may still name dead ones.
        (queue("stream", "running", "a", "abc", "abc"), "bc", "minority"),
        (queue("stream", "running", "a"), "b", "running"),
        (queue("stream", "running", "b"), "b", "minority"),
        (queue("stream", "running", "a"), "bc", "minority"),
        (queue("stream", None, None), "b", None),
    ],
)
def test_the_state_of_a_queue_where_nodes_are_down(
    found: QueueInfo, down: str, state: str | None
) -> None:
    view = ClusterView(running=frozenset("abcd") - frozenset(down), down=frozenset(down))
    assert state_of(found, view) == state


def nodes(**running: bool) -> Listing[Node]:
    return Listing([Node(name, up) for name, up in running.items()])


def test_only_a_cluster_whose_nodes_are_all_known_and_run_is_whole() -> None:
    assert view_of(nodes(a=True, b=True)).whole
    assert not view_of(nodes(a=True, b=False)).whole
    assert not view_of(None).whole
    assert not view_of(Listing([])).whole
    assert not view_of(Listing([Node("a", True)], [RejectedRow("odd")])).whole
    parted = Listing([Node("a", True, partitions=("b",)), Node("b", True)])
    assert not view_of(parted).whole
    assert view_of(parted).why_not_whole == "The cluster is partitioned."


def test_a_node_that_was_away_in_between_counts_as_down() -> None:
    whole, torn = nodes(a=True, b=True), nodes(a=True, b=False)
    assert view_during(whole, whole).whole
    assert view_during(torn, whole).down == {"b"}
    assert view_during(whole, torn).down == {"b"}
    assert not view_during(whole, None).whole
    before = Listing([Node("a", True, uptime_ms=90_000), Node("b", True, uptime_ms=90_000)])
    after = Listing([Node("a", True, uptime_ms=95_000), Node("b", True, uptime_ms=1_000)])
    assert view_during(before, after).down == {"b"}


def test_a_sentence_names_few_nodes_and_none_unprintable() -> None:
    assert nodes_are_down(["rabbit@b"]) == "Node rabbit@b is down."
    assert nodes_are_down(["c", "a", "b"]) == "Nodes a, b and c are down."
    assert nodes_are_down("abcd") == "4 nodes are down: a, b, c and others."
    assert "\u202e" not in nodes_are_down(["rabbit@\u202eb"])


def prometheus(node: str, address: str = "::", port: int = 15692) -> Listener:
    return Listener(node, "http/prometheus", address, port)


def test_the_plugin_of_a_node_is_at_its_listener_or_its_host() -> None:
    names = ["rabbit@web1", "rabbit@web2"]
    both = [Listener("rabbit@web1", "amqp", "::", 5672), *map(prometheus, names)]
    assert node_urls("http://10.0.0.1:15672", names, both) == {
        "rabbit@web1": "http://web1:15692", "rabbit@web2": "http://web2:15692",
    }  # fmt: skip
    # A short name gets the domain by which one of them is reached.
    assert node_urls("https://web2.example.com", names, both) == {
        "rabbit@web1": "http://web1.example.com:15692",
        "rabbit@web2": "http://web2.example.com:15692",
    }
    bound = [prometheus(names[0], "10.0.0.1", 1), prometheus(names[1], "fd00::2", 2)]
    assert node_urls("http://10.0.0.1:15672", names, bound) == {
        "rabbit@web1": "http://10.0.0.1:1", "rabbit@web2": "http://[fd00::2]:2",
    }  # fmt: skip


@pytest.mark.parametrize(
    "listeners",
    [
        [],
        [prometheus("rabbit@a")],
        [prometheus("rabbit@a"), prometheus("rabbit@c")],
        [prometheus("rabbit@a"), prometheus("rabbit@b", port=0)],
        [prometheus("rabbit@a"), prometheus("rabbit@b", port=70000)],
    ],
)
def test_half_a_cluster_is_not_asked(listeners: list[Listener]) -> None:
    assert node_urls("http://a:15672", ["rabbit@a", "rabbit@b"], listeners) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "b c",
        "user:password@b",
        "b/../x",
        "b/x",
        "b:1",
        "b?x",
        "b#x",
        "b\\x",
        "b\r\nHost: x",
        "ü",
        "[::1]x",
    ],
)
def test_a_node_whose_host_is_no_address_is_not_asked(host: str) -> None:
    name = f"rabbit@{host}"
    urls = node_urls(
        "http://a:15672", ["rabbit@a", name], [prometheus("rabbit@a"), prometheus(name)]
    )
    # What comes after the last @ may be a host by itself: no part before it is ever sent.
    assert urls is None or urls == {"rabbit@a": "http://a:15692", name: "http://b:15692"}


def test_more_nodes_than_a_cluster_has_are_not_asked() -> None:
    names = [f"rabbit@n{number}" for number in range(MOST_NODES + 1)]
    assert node_urls("http://a:15672", names, [prometheus(name) for name in names]) is None


def scrape(node: str, **depths: int) -> Scrape:
    values = {
        f'vhost="/",queue="{name}"'.encode(): str(depth).encode() for name, depth in depths.items()
    }
    return Scrape(node, "cluster", dict(values), dict.fromkeys(values, b"0"))


def test_nodes_are_added_up_and_where_two_differ_nothing_is_known() -> None:
    whole = added_up([scrape("a", one=1, two=2, torn=5), scrape("b", three=3, two=2, torn=6)])
    listing = whole.listing({})
    assert {item.name: item.ready for item in listing.items} == {"one": 1, "two": 2, "three": 3}
    assert [row.reason for row in listing.rejected] == ["Two nodes report this queue."]
    assert whole.totals() == (3, 6, 0)


def test_a_scrape_of_another_node_is_not_taken() -> None:
    with pytest.raises(MalformedAnswer):
        must_be_of(scrape("rabbit@other"), "rabbit@a")
