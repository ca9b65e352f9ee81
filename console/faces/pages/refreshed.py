"""Parts of pages that are refreshed in place cost almost nothing while they would show the same.

A part is answered with an ETag, which static/js/refresh.js sends along at the next refresh. It is made of what the part
depends on, by one query and before the view reads anything: the address, who asks and what they may do, the console's
own code, the brokers with their last poll or inventory, what is open of the changes, and the audit trail, which has a
row for whatever people did (registry, grants, accounts, changes). Ages tick in the browser; that something became old
or unreachable is part of the tag, and so is a period of PERIOD_S, after which everything is drawn anew. That
also bounds how long a part may show what a transaction changed that committed out of order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection
from django.db.models import F, Value
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags

from console.faces.lists.response import wants_part
from console.models import Broker

PERIOD_S = 30
#: What of the brokers a part shows: figures of polls and all else, or the last inventory.
Reads = Literal["polls", "inventory"]
View = Callable[..., HttpResponse]

#: Whatever people or the engine did. `xmin` is the transaction that wrote a row and `ctid` its place, so a set of rows
#: has another digest as soon as one of them is added, written or gone.
_TOPICS = """
    SELECT concat_ws('/',
        (SELECT max(id) FROM console_auditentry),
        (SELECT max(created_at) FROM console_change),
        (SELECT max(id) FROM console_attempt),
        (SELECT md5(string_agg(id::text || xmin::text || ctid::text, ',' ORDER BY id)) FROM console_change
            WHERE state IN ('accepted', 'applying', 'waiting')),
        (SELECT md5(string_agg(id::text || xmin::text || ctid::text, ',' ORDER BY id)) FROM console_step
            WHERE state IN ('pending', 'verifying')),
        (SELECT md5(string_agg(name || failures::text || failed_at::text, ',' ORDER BY name)) FROM console_jobrun
            WHERE failures > 0))
"""


def refreshed(reads: Reads, *, personal: bool = False) -> Callable[[View], View]:
    """Decorates a view whose part is refreshed in place: 304 while it would show the same. `personal`: it shows
    something of the person's own, so that even people with the same rights have other tags."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not wants_part(request):
                return view(request, *args, **kwargs)
            tag = _tag(request, reads, personal, kwargs.get("broker_id"))
            known = parse_etags(request.headers.get("If-None-Match", ""))
            if tag in (
                one.removeprefix("W/") for one in known
            ):  # weak where the answer was compressed
                response: HttpResponse = HttpResponseNotModified()
            else:
                response = view(request, *args, **kwargs)
                if response.status_code != 200:
                    return response
            response["ETag"] = tag
            patch_vary_headers(response, ["HX-Request", "Cookie"])
            return response

        return answer

    return decorate


def _tag(request: HttpRequest, reads: Reads, personal: bool, broker_id: int | None) -> str:
    now = timezone.now()
    asked = request.GET.get("broker", "")
    if broker_id is None and asked.isascii() and asked.isdigit() and len(asked) < 10:
        broker_id = int(asked)
    parts = [
        request.get_full_path(),
        _viewer(request.user, personal),
        _code(),
        str(int(now.timestamp()) // PERIOD_S),
        *_brokers(reads, broker_id, now),
    ]
    digest = salted_hmac(__name__, "\n".join(parts), algorithm="sha256").hexdigest()
    return f'"{digest[:32]}"'


def _viewer(user: AbstractBaseUser | AnonymousUser, personal: bool) -> str:
    """Superusers see the same; what others see follows from their grants, and each change of those is audited."""
    if getattr(user, "is_superuser", False) and not personal:
        return "superuser"
    return f"{user.pk} {getattr(user, 'is_superuser', False)}"


def _brokers(reads: Reads, broker_id: int | None, now: datetime) -> Iterable[str]:
    """What is known of each broker, visible or not, and the topics. One query."""
    rows = (
        Broker.objects.order_by("pk") if broker_id is None else Broker.objects.filter(pk=broker_id)
    )
    found = list(
        rows.with_shown_state(now)
        .annotate(
            topics=RawSQL(f"({_TOPICS})", ()),  # noqa: S611 – no part of it comes from outside
            written=_written("console_broker"),
            polled=_written("console_brokerstatus") if reads == "polls" else Value(""),
            inventory=F("status__inventory_at"),
        )
        .select_related("status")
    )
    if not found:
        with connection.cursor() as cursor:
            cursor.execute(_TOPICS)
            return [str(cursor.fetchone()[0])]
    return [str(found[0].topics), *(_known(broker, now) for broker in found)]


def _written(table: str) -> RawSQL:
    """Another text as soon as the row is written again."""
    return RawSQL(f'"{table}"."xmin"::text || "{table}"."ctid"::text', ())  # noqa: S611 – names of our own


def _known(broker: Any, now: datetime) -> str:
    status = broker.status
    old = [
        status.is_stale(at, now) for at in (status.vitals_at, status.depths_at, status.answered_at)
    ]
    read = (
        broker.inventory,
        status.parts_at,
        status.part_errors,
        status.suspect,
        status.error_code,
    )
    return f"{broker.pk} {broker.written} {broker.polled} {broker.shown} {old} {read}"


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the console's version and of when its code and templates were written."""
    digest = hashlib.sha256(settings.VERSION.encode())
    for folder in ("console", "accessctl", "vhosts", "templates"):
        for path in sorted(Path(settings.BASE_DIR, folder).rglob("*.*")):
            if path.suffix in (".py", ".html"):
                digest.update(f"{path} {path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()
