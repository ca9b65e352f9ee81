"""POST /queues/{id}/messages/peek/: read messages and put them back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.faces.rest.drawn.changing import sent
from console.faces.rest.schema import also_answers
from vhosts.messages.matching import Match
from vhosts.messages.peeking.pages.serializers import PeekRead, PeekWrite
from vhosts.messages.peeking.read import Outcome, read_messages
from vhosts.messages.peeking.rows import rows_of
from vhosts.messages.peeking.texts import as_kept, notes_of
from vhosts.messages.peeking.wanted import Wanted
from vhosts.messages.showing import reader_of


class NotRead(ConsoleError):
    """No message was read; `code` says why."""

    http_status = 409

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]


class PeeksQueues:
    """The operation of /api/v1/queues/ that reads messages."""

    peeking: ClassVar[dict[str, Permission]] = {"peek": Permission.MESSAGES_VIEW}

    @extend_schema(request=PeekWrite, responses={200: PeekRead}, filters=False)
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="messages/peek", pagination_class=None)
    def peek(self: Any, request: Request, pk: str) -> Response:
        """Read messages of a queue or stream and put them back. Needs messages:read for payloads. On
        quorum queues before RabbitMQ 4.3 each look counts against the delivery limit; the console
        refuses the last ones (409)."""
        queue = self.get_object()
        require(request.user, Permission.MESSAGES_VIEW, queue.broker, queue.vhost)
        body = sent(PeekWrite, request, self.body(optional=True))
        reader = reader_of(request.user, queue.broker_id, queue.vhost)
        try:
            wanted, match = Wanted.of(body), Match.of(body.get("match") or {})
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        outcome = read_messages(request.user, queue, wanted, timezone.now(), "API")
        if not outcome.is_read:
            raise _why(outcome)
        kept = as_kept(outcome)
        answer = {
            **kept,
            "messages": list(rows_of(outcome.messages, reader, match)),
            "read": len(outcome.messages),
            "notes": [note for _, note in notes_of(kept)],
        }
        return Response(PeekRead(answer).data)


def _why(outcome: Outcome) -> NotRead:
    if outcome.trouble is not None:
        return NotRead(outcome.trouble.code, outcome.trouble.sentence)
    verdict = outcome.verdict
    code = "looks_used_up" if verdict.counts else "not_readable"
    return NotRead(code, " ".join((verdict.refusal, *verdict.instead)))
