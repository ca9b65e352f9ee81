"""A graph as the page shows it: one set of objects for the drawing, as JSON, and for the table.

Names are shown with their special characters made visible, so neither the drawing nor a downloaded
picture contains characters that hide or reorder text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from console.faces.face import FACES
from console.faces.pages.words import counted
from console.faces.templatetags._states import STATES, Look
from console.faces.templatetags._text import grouped, plain, truncated
from console.models import Broker
from vhosts.models import Exchange, Queue
from vhosts.queues.outages import outage_of
from vhosts.topology.graph import Edge, Graph, Node, Place

#: Characters of a name in the drawing.
_LONGEST = 30
_LONGEST_KEY = 22
#: Characters of a key in a sentence.
_LONGEST_WORD = 80
_MISSING = Look("Missing", "x-circle", "bad", "Not found in the last inventory.")
#: States in which a queue does what it should.
_WELL = ("", "running", "idle")


@dataclass(frozen=True, slots=True)
class Shown:
    """An object. `look` None: nothing to say about its state. `ready`, `unacked`, `total` and
    `consumers` None: unknown, or no queue."""

    node: Node
    id: str
    url: str
    focus: str
    route: str
    look: Look | None
    out: list[tuple[Edge, Shown]] = field(default_factory=list)
    into: list[tuple[Edge, Shown]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def is_queue(self) -> bool:
        return self.node.kind == "queue"

    @property
    def type(self) -> str:
        return self.node.row.type if self.node.row is not None else ""

    @property
    def queue(self) -> Queue | None:
        return self.node.row if isinstance(self.node.row, Queue) else None

    def of(self, what: str) -> list[tuple[Edge, Shown]]:
        """Return the edges of a kind that start here, with the objects at their ends."""
        return [(edge, other) for edge, other in self.out if edge.what == what]

    @property
    def bound(self) -> list[tuple[Edge, Shown]]:
        return self.of("binding")

    @property
    def alternates(self) -> list[tuple[Edge, Shown]]:
        return self.of("alternate")

    @property
    def dead_letters(self) -> list[tuple[Edge, Shown]]:
        return self.of("dead_letter")

    @property
    def sources(self) -> list[tuple[Edge, Shown]]:
        return [(edge, other) for edge, other in self.into if edge.what == "binding"]

    @property
    def dead_letters_of(self) -> list[tuple[Edge, Shown]]:
        return [(edge, other) for edge, other in self.into if edge.what == "dead_letter"]

    @property
    def alternate_of(self) -> list[tuple[Edge, Shown]]:
        return [(edge, other) for edge, other in self.into if edge.what == "alternate"]


def shown_of(graph: Graph, broker: Broker, vhost: str, steps: int) -> list[Shown]:
    """Return the objects with their edges, exchanges first."""
    here = {"broker": str(broker.pk), "vhost": vhost}
    found: dict[Place, Shown] = {}
    for node in graph.nodes:
        focus = {**here, node.kind: node.name, "depth": str(steps)}
        found[node.place] = Shown(
            node=node,
            id=_id(node),
            url=_url(node),
            focus=f"{reverse('topology')}?{urlencode(focus)}" if node.name else "",
            route=_route(node, here),
            look=_look(node, broker),
        )
    for edge in graph.edges:
        found[edge.start].out.append((edge, found[edge.end]))
        found[edge.end].into.append((edge, found[edge.start]))
    return list(found.values())


def as_json(graph: Graph, objects: Sequence[Shown], focus: Place | None) -> dict[str, Any]:
    """Return the drawing's data. `shape` stays the same while only figures and states change."""
    nodes = [_node(one) for one in objects]
    edges = [_edge(one, edge, other) for one in objects for edge, other in one.out]
    layout: list[tuple[Any, ...]] = [(one["id"], one["label"], one["keys"]) for one in nodes]
    layout += [(edge["from"], edge["to"], edge["what"], edge["label"]) for edge in edges]
    return {
        "shape": hashlib.sha256(repr(layout).encode()).hexdigest()[:16],
        "focus": next((one.id for one in objects if one.node.place == focus), ""),
        "nodes": nodes,
        "edges": edges,
    }


def edge_words(edge: Edge) -> str:
    """Return what an edge is, for tips and the table."""
    if edge.what == "alternate":
        return f"alternate exchange, set by {plain(edge.source)}"
    if edge.what == "dead_letter":
        key = f" with key {truncated(plain(edge.keys[0]), _LONGEST_WORD)}" if edge.keys else ""
        return f"dead letters{key}, set by {plain(edge.source)}"
    keys = ", ".join(truncated(plain(key), _LONGEST_WORD) or "no key" for key in edge.keys)
    more = f" and {edge.count - len(edge.keys)} more" if edge.count > len(edge.keys) else ""
    arguments = ", with arguments" if edge.arguments else ""
    many = f"{edge.count} bindings: " if edge.count > 1 else "key " if edge.keys[0] else ""
    return f"{many}{keys}{more}{arguments}"


def _node(one: Shown) -> dict[str, Any]:
    queue = one.queue
    called = "queue" if one.is_queue else "exchange"
    name = plain(one.name) or "default exchange"
    words = [f"{called.capitalize()} {name}", plain(one.type)]
    figures: dict[str, Any] = {"depth": "", "total": None, "consumers": ""}
    if queue is not None:
        depth = "—" if queue.total is None else grouped(queue.total)
        consumers = "" if queue.consumers is None else counted(queue.consumers, "consumer")
        figures = {"depth": depth, "total": queue.total, "consumers": consumers}
        words.append("unknown depth" if queue.total is None else counted(queue.total, "message"))
        words.append(consumers or "unknown number of consumers")
    if one.look is not None:
        words.append(f"{one.look.label}. {one.look.help}".strip())
    return {
        "id": one.id,
        "kind": one.node.kind,
        "label": truncated(name, _LONGEST),
        "title": ", ".join(word for word in words if word),
        "type": truncated(plain(one.type), 20),
        **figures,
        "state": None if one.look is None else {"word": one.look.label, "tone": one.look.tone},
        "url": one.url,
        "focus": one.focus,
        "route": one.route,
        "keys": len(one.into),
    }


def _edge(one: Shown, edge: Edge, other: Shown) -> dict[str, Any]:
    label = ""
    if edge.what == "alternate":
        label = "alternate"
    elif edge.what == "dead_letter":
        label = "dead letters"
    elif edge.count > 1:
        label = f"{edge.count} bindings"
    elif one.type != "fanout" and edge.keys[0]:
        label = truncated(plain(edge.keys[0]), _LONGEST_KEY)
    elif edge.arguments:
        label = "by headers" if one.type == "headers" else "arguments"
    return {
        "from": one.id, "to": other.id, "what": edge.what, "label": label, "title": edge_words(edge),
    }  # fmt: skip


def _id(node: Node) -> str:
    if node.row is not None:
        return f"{node.kind[0]}{node.row.pk}"
    return f"{node.kind[0]}-{hashlib.sha256(node.name.encode()).hexdigest()[:12]}"


def _look(node: Node, broker: Broker) -> Look | None:
    if node.row is None:
        return None if node.name == "" else _MISSING
    if isinstance(node.row, Exchange) or node.row.state in _WELL:
        return None
    look = STATES.get(node.row.state) or Look(plain(node.row.state), "question-mark-circle", "mute")
    return look._replace(help=outage_of(node.row, broker.status) or look.help)


def _url(node: Node) -> str:
    route = FACES[node.kind].object_route
    if node.row is None or not route:
        return ""
    try:
        return reverse(route, args=[node.row.pk])
    except NoReverseMatch:
        return ""


def _route(node: Node, here: dict[str, str]) -> str:
    """Return the page that says where a message to this exchange goes; "" if there is none."""
    try:
        url = reverse("route")
    except NoReverseMatch:
        return ""
    return f"{url}?{urlencode({**here, 'exchange': node.name})}" if node.kind == "exchange" else ""
