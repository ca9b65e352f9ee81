"""Queues in the API: create, replace, delete."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.faces.rest.drawn.changing import (
    answer_change,
    changing,
    expected_generation,
    sent,
)
from console.kinds.common.kind import Ref
from console.kinds.queue import QUEUE
from vhosts.queues.changing.api import QueueDeletion, QueueNew, QueueReplacement, fields_of
from vhosts.queues.changing.losses import losses, without_bindings
from vhosts.queues.changing.services import create_queue, delete_queue, replace_queue


class WritesQueues:
    """The write operations of /api/v1/queues/."""

    rights: ClassVar[dict[str, Permission]] = {
        "create": Permission.QUEUES_EDIT,
        "replace": Permission.QUEUES_EDIT,
        "destroy": Permission.QUEUES_EDIT,
    }

    @changing(QueueNew)
    def create(self: Any, request: Request) -> Response:
        """Create a queue. What RabbitMQ would refuse is refused first."""
        body = sent(QueueNew, request, self.body())
        broker, key = body["broker"], (body["vhost"], body["name"])
        return answer_change(
            request,
            f"Create the {QUEUE.phrase(key)} on {broker.name}",
            lambda: [
                create_queue(
                    broker=broker, key=key, fields=fields_of(body), acting_user=request.user
                )
            ],
            reason=body.get("reason", ""),
        )

    @changing(QueueReplacement, if_match=True)
    @action(methods=["post"], detail=True, url_path="replace", pagination_class=None)
    def replace(self: Any, request: Request, pk: str) -> Response:
        """Replace a queue: delete it and declare it again with other properties. RabbitMQ can't change
        a queue in place. Its consumers lose their subscription."""
        row, generation = self.get_object(), expected_generation(request)
        body, key = sent(QueueReplacement, request, self.body()), (row.vhost, row.name)
        return answer_change(
            request,
            f"Replace the {QUEUE.phrase(key)} on {row.broker.name}",
            lambda: replace_queue(
                broker=row.broker,
                key=key,
                fields=fields_of(body),
                acting_user=request.user,
                expected_generation=generation,
                lose_messages=body["lose_messages"],
                carry_bindings=body["carry_bindings"],
            ),
            reason=body.get("reason", ""),
            objections=lambda _: {
                Ref(QUEUE.name, key): [
                    *losses(row, replaced=True),
                    *([] if body["carry_bindings"] else without_bindings(row)),
                ]
            },
        )

    @changing(QueueDeletion, if_match=True)
    def destroy(self: Any, request: Request, pk: str) -> Response:
        """Delete a queue with its messages and bindings. `dry_run` lists what is lost."""
        row, generation = self.get_object(), expected_generation(request)
        body = sent(QueueDeletion, request, self.body(optional=True))
        key = (row.vhost, row.name)
        return answer_change(
            request,
            f"Delete the {QUEUE.phrase(key)} on {row.broker.name}",
            lambda: [
                delete_queue(
                    broker=row.broker,
                    key=key,
                    acting_user=request.user,
                    expected_generation=generation,
                    mode=body["mode"],
                )
            ],
            reason=body.get("reason", ""),
            objections=lambda _: {Ref(QUEUE.name, key): losses(row)},
        )
