"""Reverts in the API: the bodies of the requests, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from console.engine.proposal import DesiredObject, Proposal
from console.faces.rest.drawn.changing import BrokerField, Reasoned, answer_change
from console.faces.rest.fields import Flag, Text
from console.kinds.common.kind import Ref
from console.pages.reverts.inverse import Revert


class RevertWrite(Reasoned):
    overwrite = Flag(
        default=False,
        help_text="`true`: set fields back too that were changed again since. `false`: they keep their newer values.",
    )

    class Meta:
        ref_name = "RevertRequest"


class RevertSinceWrite(RevertWrite):
    broker = BrokerField()
    vhost = Text(
        required=False, max_length=255, help_text="Only this virtual host and what is in it."
    )
    since = serializers.DateTimeField(
        help_text="What was applied at or after this time is undone (ISO 8601, with zone)."
    )

    class Meta:
        ref_name = "RevertSinceRequest"


def answer_revert(
    request: Request, body: Mapping[str, Any], make: Callable[[], Revert]
) -> Response:
    """Return the plan or the change, as `answer_change` does."""
    made: list[Revert] = []

    def desired_objects() -> Sequence[DesiredObject]:
        made.append(make())
        return made[-1].desired_objects

    def about(desired: Sequence[DesiredObject]) -> Mapping[Ref, Sequence[str]]:
        return made[-1].about

    def finish(proposal: Proposal) -> Proposal:
        found = made[-1]
        return replace(
            proposal, title=found.title, remarks=tuple(found.remarks), reverts=tuple(found.reverts)
        )

    return answer_change(
        request, "", desired_objects, reason=body.get("reason", ""), objections=about, finish=finish
    )
