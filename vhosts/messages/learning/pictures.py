"""The picture of an example: publisher, exchange, queues and receivers, with arrows."""

from __future__ import annotations

from dataclasses import dataclass

from vhosts.messages.learning.examples import Example

_COLUMNS = {"publisher": 10, "exchange": 170, "queue": 420, "receiver": 670}
_WIDTHS = {"publisher": 90, "exchange": 150, "queue": 190, "receiver": 110}
_HEIGHT, _GAP = 40, 34


@dataclass(frozen=True, slots=True)
class Box:
    kind: str
    label: str
    x: int
    y: int
    width: int
    #: Below the box: the keys of its bindings.
    note: str = ""
    height: int = _HEIGHT

    @property
    def note_at(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height + 14

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2 + 4

    @property
    def right(self) -> tuple[int, int]:
        return self.x + self.width, self.y + self.height // 2

    @property
    def left(self) -> tuple[int, int]:
        return self.x, self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class Arrow:
    """From point to point."""

    start: tuple[int, int]
    end: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    width: int
    height: int
    boxes: list[Box]
    arrows: list[Arrow]
    text: str


def picture_of(example: Example) -> Picture:
    """Return the picture; `text` says the same in words."""
    rows = max(len(example.queues), len(example.panes))
    step = _HEIGHT + _GAP
    height = rows * step + 20
    centre = (height - _HEIGHT) // 2

    def box(kind: str, label: str, y: int, note: str = "") -> Box:
        return Box(kind, label, _COLUMNS[kind], y, _WIDTHS[kind], note)

    def spread(count: int, at: int) -> int:
        return (height - (count * step - _GAP)) // 2 + at * step

    labels: dict[str, list[str]] = {}
    for queue, label in example.bindings():
        labels.setdefault(queue, []).append(label)
    publisher = box("publisher", "Caller" if example.calls else "Publisher", centre)
    exchange = box("exchange", example.exchange or "(default)", centre, f"{example.type} exchange")
    queues = {
        name: box("queue", name, spread(len(example.queues), at), _note(example, labels[name]))
        for at, name in enumerate(example.queues)
    }
    receivers = [
        (box("receiver", pane.title, spread(len(example.panes), at)), pane.queue)
        for at, pane in enumerate(example.panes)
    ]
    arrows = [Arrow(publisher.right, exchange.left)]
    arrows += [Arrow(exchange.right, queues[queue].left) for queue in labels]
    arrows += [Arrow(queues[queue].right, one.left) for one, queue in receivers]
    words = "; ".join(" ".join([queue, *filter(None, found)]) for queue, found in labels.items())
    return Picture(
        width=_COLUMNS["receiver"] + _WIDTHS["receiver"] + 10,
        height=height,
        boxes=[publisher, exchange, *queues.values(), *(one for one, _ in receivers)],
        arrows=arrows,
        text=f"The {example.type} exchange {exchange.label} routes to: {words}.",
    )


def _note(example: Example, labels: list[str]) -> str:
    """Return the keys of a queue's bindings; "" where they say nothing."""
    return " · ".join(labels) if example.exchange else ""
