"""The examples: what each shows, what can be sent, and who receives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vhosts.messages.learning.objects import BINDINGS, EXCHANGES


@dataclass(frozen=True, slots=True)
class Choice:
    """A message that can be sent with one click."""

    label: str
    key: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    count: int = 1


@dataclass(frozen=True, slots=True)
class Pane:
    """A receiver in the browser: a tap on what the bindings of a queue route, or a worker that
    consumes from it. `work_s`: how long it works on each message."""

    title: str
    queue: str
    worker: int = 0
    prefetch: int = 1
    work_s: float = 0.0
    replies: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """One page. `exchange` "" is the default exchange."""

    slug: str
    title: str
    about: str
    exchange: str
    steps: tuple[str, ...]
    choices: tuple[Choice, ...]
    panes: tuple[Pane, ...]
    calls: bool = False

    @property
    def type(self) -> str:
        """Return the exchange's type."""
        return EXCHANGES.get(self.exchange, "direct")

    @property
    def queues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(pane.queue for pane in self.panes))

    def bindings(self) -> list[tuple[str, str]]:
        """Return (queue, label) of each binding, as the picture shows it."""
        if not self.exchange:
            return [(queue, queue) for queue in self.queues]
        return [
            (queue, ", ".join(f"{name}={value}" for name, value in arguments.items()) or key)
            for exchange, queue, key, arguments in BINDINGS
            if exchange == self.exchange
        ]


EXAMPLES = (
    Example(
        slug="hello",
        title="Hello world",
        about="One program sends, one receives. The queue between them keeps the message until it is taken.",
        exchange="",
        steps=(
            "Send a message before you start the receiver: it waits in the queue.",
            "Start receiving: the message arrives at once, and the receiver acknowledges it.",
            "A message goes to the default exchange with the queue's name as its routing key.",
        ),
        choices=(Choice("Say hello", "learn.hello", "Hello from Warren"),),
        panes=(Pane("Receiver", "learn.hello", worker=1),),
    ),
    Example(
        slug="work",
        title="Work queue",
        about="Several workers share one queue. Each task goes to exactly one of them.",
        exchange="",
        steps=(
            "Start receiving: two workers read the same queue. One needs half a second for a task, the other two.",
            "Send six tasks. Each worker holds one task at a time (prefetch 1), so the fast one does more of them.",
            "With a large prefetch, RabbitMQ would hand out tasks in turn, and the slow worker would hold back its share.",
            "A task is deleted when its worker acknowledges it. If a worker dies before that, another one gets the task.",
        ),
        choices=(
            Choice("Send one task", "learn.tasks", "Resize the picture"),
            Choice("Send six tasks", "learn.tasks", "Resize picture", count=6),
        ),
        panes=(
            Pane("Fast worker", "learn.tasks", worker=1, work_s=0.5),
            Pane("Slow worker", "learn.tasks", worker=2, work_s=2.0),
        ),
    ),
    Example(
        slug="publish-subscribe",
        title="Publish and subscribe",
        about="A fanout exchange copies each message to every queue that is bound to it.",
        exchange="learn.news",
        steps=(
            "Start receiving, then publish: both receivers get a copy.",
            "The publisher knows no queue. A third receiver would only add its own queue and binding.",
            "A fanout exchange ignores the routing key.",
        ),
        choices=(Choice("Publish news", "", "Warren listens to exchanges"),),
        panes=(Pane("Phone", "learn.news.phone"), Pane("Radio", "learn.news.radio")),
    ),
    Example(
        slug="routing",
        title="Routing",
        about="A direct exchange compares the routing key with the key of each binding.",
        exchange="learn.alerts",
        steps=(
            "Start receiving, then publish an error: both queues are bound with the key error.",
            "Publish an info: only the queue for everything is bound with it. A queue may have several bindings.",
            "Publish with the key debug: no binding fits, so nobody gets the message, and Warren says so.",
        ),
        choices=(
            Choice("Publish error", "error", "The disk is full"),
            Choice("Publish info", "info", "Backup finished"),
            Choice("Publish debug", "debug", "x = 4"),
        ),
        panes=(Pane("Urgent", "learn.alerts.urgent"), Pane("All", "learn.alerts.all")),
    ),
    Example(
        slug="topics",
        title="Topics",
        about="A topic exchange matches words of the routing key: * stands for one word, # for any number.",
        exchange="learn.weather",
        steps=(
            "Start receiving, then publish berlin.rain: berlin.* fits, #.storm doesn't.",
            "Publish berlin.storm: both fit, and each queue gets one copy.",
            "Publish europe.spain.storm: # stands for two words here.",
        ),
        choices=(
            Choice("Publish berlin.rain", "berlin.rain", "Take an umbrella"),
            Choice("Publish berlin.storm", "berlin.storm", "Stay inside"),
            Choice("Publish europe.spain.storm", "europe.spain.storm", "Close the windows"),
        ),
        panes=(
            Pane("Berlin", "learn.weather.berlin"),
            Pane("Storms", "learn.weather.storms"),
        ),
    ),
    Example(
        slug="headers",
        title="Headers",
        about="A headers exchange ignores the routing key and compares headers: all of them, or any.",
        exchange="learn.documents",
        steps=(
            "Start receiving, then publish a report as PDF: x-match all requires format and kind.",
            "Publish a report as text: one of the two differs, so nobody gets it.",
            "Publish an invoice from anybody: x-match any requires only one of kind and sender.",
        ),
        choices=(
            Choice("Publish PDF report", "", "Quarter 3", {"format": "pdf", "kind": "report"}),
            Choice("Publish text report", "", "Quarter 4", {"format": "text", "kind": "report"}),
            Choice("Publish invoice", "", "4,730 euros", {"format": "pdf", "kind": "invoice"}),
        ),
        panes=(
            Pane("PDF reports", "learn.documents.pdf-reports"),
            Pane("Invoices", "learn.documents.invoices"),
        ),
    ),
    Example(
        slug="rpc",
        title="Remote procedure call",
        about="A request names where to send the reply, and carries an ID that the reply repeats.",
        exchange="",
        steps=(
            "Start the server first. It answers each request with the same text in capital letters.",
            "Call it: the request has the properties reply_to and correlation_id. The reply comes back within a second.",
            "Stop the server and call again: the request waits in the queue until the caller gives up after 5 seconds.",
        ),
        choices=(Choice("Call the server", "learn.rpc", "make me louder"),),
        panes=(Pane("Server", "learn.rpc", worker=1, work_s=0.3, replies=True),),
        calls=True,
    ),
)
BY_SLUG = {example.slug: example for example in EXAMPLES}
