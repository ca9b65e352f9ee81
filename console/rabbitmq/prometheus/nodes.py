"""Read a cluster's depths by scraping the Prometheus plugin of each of its nodes.

Each node reports only the queues that it leads, so all nodes together report all queues. The
addresses come from the broker: they are parsed as strictly as what a person types, the connection
passes the same checks as every other one, and no credentials are sent there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import TypeVar

from console.rabbitmq.errors import BrokerError, MalformedAnswer
from console.rabbitmq.network.addresses import BadAddress, parse_management_url
from console.rabbitmq.prometheus.scrape import PROTOCOLS, Scrape
from console.rabbitmq.types import Listener, RejectedRow

#: A broker with more nodes than this is scraped at its management address only.
MOST_NODES = 32

Told = TypeVar("Told")


def node_urls(
    management_url: str, nodes: Collection[str], listeners: Iterable[Listener]
) -> dict[str, str] | None:
    """Return the plugin's URL for each of `nodes`; None if one is unknown: half a cluster must not
    look like a whole one."""
    if not 0 < len(nodes) <= MOST_NODES:
        return None
    domain = _domain(management_url, nodes)
    found: dict[str, str] = {}
    for listener in listeners:
        scheme = PROTOCOLS.get(listener.protocol)
        host = _host(listener, domain)
        if scheme and host and listener.node in nodes and listener.node not in found:
            try:
                url = parse_management_url(f"{scheme}://{host}:{listener.port}")
            except BadAddress:
                continue
            # The URL must contain nothing but the host: a path or second port would change the
            # address.
            if url.authority == f"{host}:{listener.port}".lower():
                found[listener.node] = f"{url.scheme}://{url.authority}"
    return found if len(found) == len(nodes) else None


def _domain(management_url: str, nodes: Collection[str]) -> str:
    """Return what the URL's host adds to its node's short name: ".example.com", or ""."""
    try:
        first, dot, rest = parse_management_url(management_url).host.partition(".")
    except BadAddress:
        return ""
    named = any(node.rpartition("@")[2].lower() == first for node in nodes)
    return dot + rest if named else ""


def host_of(management_url: str, listener: Listener, nodes: Collection[str]) -> str:
    """Return the host at which a listener can be reached, by its address or its node's name."""
    return _host(listener, _domain(management_url, nodes))


def _host(listener: Listener, domain: str) -> str:
    """Return the address that the listener is bound to; for all addresses, its node's host."""
    try:
        bound = ip_address(listener.address)
    except ValueError:
        bound = None
    if bound is not None and not bound.is_unspecified:
        return f"[{bound}]" if bound.version == 6 else str(bound)
    host = listener.node.rpartition("@")[2]
    return host + domain if domain and "." not in host else host


def ask_each(
    urls: Mapping[str, str], ask: Callable[[str], Told]
) -> tuple[dict[str, Told], dict[str, BrokerError]]:
    """Call `ask` for all nodes at once; return the results and the errors, both by node."""
    told: dict[str, Told] = {}
    failed: dict[str, BrokerError] = {}
    if len(urls) == 1:  # nearly always: no thread needed
        ((node, url),) = urls.items()
        try:
            told[node] = ask(url)
        except BrokerError as error:
            failed[node] = error
        return told, failed
    with ThreadPoolExecutor(max(len(urls), 1), thread_name_prefix="scrape") as pool:
        asked = {node: pool.submit(ask, url) for node, url in urls.items()}
        for node, future in asked.items():
            try:
                told[node] = future.result()
            except BrokerError as error:
                failed[node] = error
    return told, failed


def must_be_of(scrape: Scrape, node: str) -> Scrape:
    """Return the scrape if it is of that node. Raises MalformedAnswer: a port may be mapped or
    forwarded to another broker's plugin."""
    if scrape.node != node:
        raise MalformedAnswer(f"The Prometheus port belongs to another node: {scrape.node}.")
    return scrape


def added_up(scrapes: Collection[Scrape]) -> Scrape:
    """Merge the scrapes of all nodes into one; its `node` is "".

    While a leader moves, two nodes may report the same queue. If they differ, its depth is unknown.
    """
    if len(scrapes) == 1:
        return next(iter(scrapes))
    ready: dict[bytes, bytes] = {}
    unacked: dict[bytes, bytes] = {}
    rejected = [row for scrape in scrapes for row in scrape.rejected]
    torn: set[bytes] = set()
    for scrape in scrapes:
        for values, told in ((ready, scrape.ready), (unacked, scrape.unacked)):
            torn.update(
                labels for labels in values.keys() & told.keys() if values[labels] != told[labels]
            )
            values.update(told)
    for labels in torn:
        ready.pop(labels, None)
        unacked.pop(labels, None)
    rejected += [RejectedRow("Two nodes report this queue.", repr(labels)[:200]) for labels in torn]
    return Scrape(
        node="",
        cluster=next(iter(scrapes)).cluster,
        ready=ready,
        unacked=unacked,
        rejected=rejected,
        odd=any(scrape.odd for scrape in scrapes),
    )
