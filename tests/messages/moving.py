"""Jobs that move messages, started and run in this process on a real broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pika

from console.models import Broker
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.places import Place, Selection, Target
from vhosts.messages.moving.running.run import run_job
from vhosts.messages.moving.start import start_move


class Mover:
    """Moves messages of one virtual host of a broker, on behalf of `actor`."""

    def __init__(self, broker: Broker, vhost: Any, actor: Any) -> None:
        self.broker, self.vhost, self.actor = broker, vhost, actor

    def start(
        self,
        source: str,
        target: str | Target | None,
        mode: str = "move",
        selection: Selection | None = None,
        **more: Any,
    ) -> MessageJob:
        if isinstance(target, str):
            target = Target.queue(self.broker, self.vhost.name, target)
        return start_move(
            self.actor,
            source=Place(self.broker, self.vhost.name, source),
            target=target,
            mode=mode,
            selection=selection or Selection.all(),
            **more,
        )

    def run(self, job: MessageJob, at: Callable[[str], None] = lambda point: None) -> MessageJob:
        run_job(str(job.pk), uuid4().hex, at)
        job.refresh_from_db()
        return job

    def do(self, *given: Any, **more: Any) -> MessageJob:
        return self.run(self.start(*given, **more))

    def put(self, queue: str, *bodies: str, exchange: str = "", **properties: Any) -> None:
        channel = self.vhost.channel
        for body in bodies:
            channel.basic_publish(
                exchange, queue, body.encode(), pika.BasicProperties(**properties), mandatory=True
            )

    def bodies(self, queue: str) -> list[str]:
        """Take all messages that are ready."""
        return [body.decode() for _, _, body in self.taken(queue)]

    def taken(self, queue: str) -> list[tuple[Any, Any, bytes]]:
        found = []
        while (got := self.vhost.channel.basic_get(queue, auto_ack=True))[0] is not None:
            found.append(got)
        return found

    def ready(self, queue: str) -> int:
        return self.vhost.channel.queue_declare(queue, passive=True).method.message_count
