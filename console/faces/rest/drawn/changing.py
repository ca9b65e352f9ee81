"""Common parts of the API's write operations: a plan with `dry_run`, else a change.

The response waits for a broker only with `wait`. A broker in trouble is a state of the change, not
an error.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.crypto import salted_hmac
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request as ApiRequest
from rest_framework.response import Response
from rest_framework.reverse import reverse

from console.engine.accept import accept
from console.engine.acts.request import RequestedAct
from console.engine.proposal import About, DesiredObject, Proposal
from console.engine.proposals.judge import first_change, refuse_stale_proposal
from console.engine.proposals.preview import as_data, preview
from console.errors import ConsoleError, InvalidField, Stale
from console.faces.face import notes_of
from console.faces.rest.drawn.change_fields import ChangeMade, PlanRead
from console.faces.rest.fields import Flag, StrictSerializer, Text
from console.faces.rest.schema import also_answers
from console.models import OPEN_CHANGES, Broker, Change

MOST_WAIT_S = 30
_KEY = re.compile(r"[!-~]{1,100}")
#: Weak ETags too: proxies that compress a response weaken its ETag. The tag is a generation.
_ENTITY_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')
PARAMETERS = frozenset({"dry_run", "wait"})
_DOCUMENTED = [
    OpenApiParameter("dry_run", OpenApiTypes.BOOL, description="`true`: return the plan without applying it."),
    OpenApiParameter(
        "wait", {"type": "integer", "minimum": 0, "maximum": MOST_WAIT_S},
        description="Seconds to wait for the result before responding, 0 to 30.",
    ),
    OpenApiParameter(
        "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER,
        description="1 to 100 visible ASCII characters. A repeated request with the same key "
"returns the first change.",
    ),
]  # fmt: skip
IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER,
    description="The object's ETag from your last read. 412 if the object was changed since.",
)  # fmt: skip
ETAG = OpenApiParameter(
    "ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=True,
    description="The generation of the desired state; 0 if the object isn't managed.",
)  # fmt: skip
_OUTCOME = PolymorphicProxySerializer(
    component_name="Outcome", serializers=[PlanRead, ChangeMade], resource_type_field_name=None
)
_View = TypeVar("_View", bound=Callable[..., Any])


class Reasoned(StrictSerializer):
    reason = Text(
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text="A reason or ticket number, stored with the change and in the audit log. At "
        "most 2000 characters.",
    )

    break_glass = Flag(
        required=False,
        help_text="Change it although a folder of definitions owns it; needs a reason. The folder's "
        "next apply overwrites what you change.",
    )


class ReasonOnly(Reasoned):
    class Meta:
        ref_name = "Reason"


class ForcedRemoval(ReasonOnly):
    force = Flag(
        required=False,
        help_text="`true`: delete it even if it is in use. Without it, RabbitMQ keeps what is in "
        "use and the change is rejected.",
    )

    class Meta:
        ref_name = "ForcedRemoval"


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class BrokerField(serializers.Field[Broker, Any, Any, Any]):
    """A broker's ID or name. A broker that the user can't see doesn't exist for them."""

    def to_internal_value(self, data: Any) -> Broker:
        user = self.context["request"].user
        brokers = Broker.objects.visible_to(user).select_related("status")
        if isinstance(data, bool) or not isinstance(data, int | str):
            raise ValidationError("Send a broker's ID or name.")
        if isinstance(data, int):
            found = brokers.filter(pk=data).first() if 0 < data < 2**63 else None
        else:
            found = brokers.filter(name=data[:200]).first()
        if found is None:
            raise ValidationError("Broker not found. Send its ID or name.")
        return found

    def to_representation(self, value: Any) -> Any:
        return value.pk


def changing(body: Any, *, if_match: bool = False) -> Callable[[_View], _View]:
    """Document a write operation. The first sentence of its docstring is its summary."""

    def mark(action: _View) -> _View:
        documented = extend_schema(
            request=body,
            parameters=[*_DOCUMENTED, *([IF_MATCH] if if_match else [])],
            responses={
                200: OpenApiResponse(
                    _OUTCOME, "The plan with `dry_run`, or the finished change with `wait`."
                ),
                202: OpenApiResponse(ChangeMade, "Accepted. Follow the change at Location."),
            },
        )
        statuses = ("409", "412") if if_match else ("409",)
        return cast(_View, also_answers(*statuses)(documented(action)))

    return mark


def sent(serializer: type[StrictSerializer], request: ApiRequest, body: Mapping[str, Any], *,
         partial: bool = False) -> dict[str, Any]:  # fmt: skip
    """Return the checked body. Raises ValidationError."""
    read = serializer(data=dict(body), partial=partial, context={"request": request})
    read.is_valid(raise_exception=True)
    found: dict[str, Any] = read.validated_data
    return found


def expected_generation(request: ApiRequest) -> int | None:
    """Return the generation in If-Match; None without the header. Raises ValidationError, Stale."""
    header = request.META.get("HTTP_IF_MATCH", "").strip()
    if header in ("", "*"):
        return None
    tag = _ENTITY_TAG.fullmatch(header)
    if tag is None:
        raise ValidationError({"If-Match": ['Send a single ETag in quotes, such as "3".']})
    return int(tag[1])


def answer_change(
    request: ApiRequest,
    title: str,
    make: Callable[[], Sequence[DesiredObject | RequestedAct]],
    *,
    reason: str = "",
    objections: About = lambda _: {},
    password: str = "",
    dry_run: bool = False,
    finish: Callable[[Proposal], Proposal] = lambda proposal: proposal,
) -> Response:
    """Return the plan (200) or the change (202, or 200 if it ended within `wait`). `make`
    authorizes and returns the desired objects and acts; it isn't called if the Idempotency-Key is known.
    `password` is a generated one; only the response to a new change has it. `finish` completes the
    proposal."""
    only_plan = dry_run or _flag(request, "dry_run")
    wait_s = _wait(request)
    key, digest = _idempotency_key(request), _digest(request)
    author = cast(User, request.user)
    known = None if only_plan else first_change(author, key, digest)
    if known is not None:
        return _told(request, known, wait_s)

    def propose() -> Proposal:
        made = make()
        proposal = Proposal(
            title=title,
            desired_objects=[one for one in made if isinstance(one, DesiredObject)],
            acts=[one for one in made if isinstance(one, RequestedAct)],
            origin="api", reason=reason,
            idempotency_key=key, fingerprint=digest if key else "",
            breaks_glass=dict(request.data).get("break_glass") is True,
            about=lambda desired_objects: {**notes_of(desired_objects), **objections(desired_objects)},
        )  # fmt: skip
        return finish(proposal)

    if only_plan:
        proposal = propose()
        refuse_stale_proposal(proposal)
        return Response(as_data(preview(proposal)))
    for again in (True, True, False):
        try:
            change = accept(propose(), now=timezone.now(), acting_user=author)
        except ConsoleError as error:
            # The same request may have arrived twice at once, and the other was first.
            known = first_change(author, key, digest)
            if known is not None:
                return _told(request, known, wait_s)
            # A request without If-Match applies to the current generation, which has just changed.
            if not (again and isinstance(error, Stale)) or "HTTP_IF_MATCH" in request.META:
                raise
        else:
            break
    return _told(request, change, wait_s, password=password)


def _told(request: ApiRequest, change: Change, wait_s: int, *, password: str = "") -> Response:
    ends = time.monotonic() + wait_s
    while change.state in OPEN_CHANGES and time.monotonic() < ends:
        time.sleep(0.1)
        change.refresh_from_db()
    is_open = change.state in OPEN_CHANGES
    body = dict(ChangeMade(change, context={"request": request}).data)
    if password:
        body["password"] = password
    answer = Response(body, status=202 if is_open or not wait_s else 200)
    answer["Location"] = reverse("api-changes-detail", args=[change.pk], request=request)
    return answer


def _digest(request: ApiRequest) -> str:
    """Return a digest of the request; keyed, because the body may hold a password."""
    text = repr((request.method, request.path, sorted(dict(request.data).items(), key=repr)))
    return salted_hmac("console.faces.rest.drawn.changing", text.encode("utf-8", "surrogatepass"),
                       algorithm="sha256").hexdigest()  # fmt: skip


def _idempotency_key(request: ApiRequest) -> str:
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if key and not _KEY.fullmatch(key):
        raise ValidationError(
            {"Idempotency-Key": ["The key must be 1 to 100 visible ASCII characters."]}
        )
    return key


def _flag(request: ApiRequest, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "1", "false", "0"):
        raise ValidationError({name: [f"{name} must be true or false."]})
    return text in ("true", "1")


def _wait(request: ApiRequest) -> int:
    text = request.query_params.get("wait", "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= MOST_WAIT_S):
        raise ValidationError({"wait": [f"wait must be a whole number from 0 to {MOST_WAIT_S}."]})
    return int(text)


def one_of(body: Mapping[str, Any], *names: str) -> str | None:
    """Return which of the fields is given; None if none is. Raises InvalidField for two."""
    given = [name for name in names if body.get(name) not in (None, False)]
    if len(given) > 1:
        raise InvalidField(given[1], f"Send only one of {', '.join(names)}.")
    return given[0] if given else None
