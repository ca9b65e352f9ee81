"""Makes refreshing a part of a page almost free while it would show the same.

A part has an ETag, which static/js/refresh.js sends with the next refresh. One query computes it
before the view reads anything, from all that the part depends on: the address, the user and their
rights, the console's own code, the brokers with their last poll or inventory, open changes, and the
audit log, which has a row for everything people did (registry, grants, accounts, changes). Ages
tick in the browser. Whether something became stale or unreachable is part of the tag. So is the
current period of PERIOD_S seconds, after which everything is rendered again: this also limits how
long a part can miss a transaction that committed out of order.
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
#: The broker data that a part shows: figures of polls and everything else, or only the last
#: inventory.
Reads = Literal["polls", "inventory"]
View = Callable[..., HttpResponse]

#: Everything people or the engine did. `xmin` is the transaction that wrote a row and `ctid` its
#: place, so the digest of a set of rows changes as soon as one of them is added, written or
#: deleted.
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
    """Decorate a view whose part is refreshed in place: 304 while it would show the same.

    `personal`: it shows something of the person's own, so people with the same rights get different
    tags.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not wants_part(request):
                return view(request, *args, **kwargs)
            tag = _tag(request, reads, personal, kwargs.get("broker_id"))
            known = parse_etags(request.headers.get("If-None-Match", ""))
            if tag in (
                one.removeprefix("W/") for one in known
            ):  # weak if the answer was compressed
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
    """Return what stands for the viewer. All superusers see the same; for others it depends on
    their grants, and every change of those is audited."""
    if getattr(user, "is_superuser", False) and not personal:
        return "superuser"
    return f"{user.pk} {getattr(user, 'is_superuser', False)}"


def _brokers(reads: Reads, broker_id: int | None, now: datetime) -> Iterable[str]:
    """Return what is known of each broker, visible or not, and the topics. One query."""
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
    """Return SQL for a text that changes whenever the row is written."""
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
    """Return a digest of the version and of the modification times of code and templates."""
    digest = hashlib.sha256(settings.VERSION.encode())
    for folder in ("console", "accessctl", "vhosts", "templates"):
        for path in sorted(Path(settings.BASE_DIR, folder).rglob("*.*")):
            if path.suffix in (".py", ".html"):
                digest.update(f"{path} {path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()
