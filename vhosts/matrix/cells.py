"""The permissions of one broker as a matrix, users by virtual hosts, with pages of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from accessctl.authorize import AnyUser
from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.patterns.words import in_words
from accessctl.users.access.reach import rights_in_words
from console.engine.proposals.sync_states import SyncState, sync_state
from console.errors import InvalidField
from console.kinds.permission import PERMISSION
from console.models import Broker, ManagedObject, Sync
from vhosts.models import VirtualHost

ROWS = (25, 50, 100)
#: Virtual hosts per page; the others are on further pages.
COLUMNS = 20
HAVING = {
    "with": "with permissions here",
    "without": "without permissions here",
    "differing": "with different permissions here",
}
_MOST_TEXT = 255


class Cell(NamedTuple):
    """A cell of the matrix. `short`: full | read | write | none | custom | "" for no permission |
    "?" for unknown; `words` is one sentence. `sync` is set if the cell is managed and not (yet) in
    sync."""

    vhost: str
    short: str
    words: str
    href: str
    sync: SyncState | None


@dataclass(frozen=True, slots=True)
class Row:
    """A user's row. `topics`: how many topic permissions the user has in the shown virtual
    hosts."""

    user: BrokerUser
    cells: list[Cell]
    topics: int


@dataclass(frozen=True, kw_only=True)
class MatrixRequest:
    """The checked parameters of a URL. `users` and `vhosts` are parts of names."""

    broker: Broker
    users: str = ""
    vhosts: str = ""
    having: str = ""
    page: int = 1
    columns_page: int = 1
    size: int = 50
    problems: tuple[InvalidField, ...] = ()

    def href(self, **changes: Any) -> str:
        """Return the query string with some parameters changed; default values are left out."""
        values = {
            "broker": self.broker.pk,
            "users": self.users,
            "vhosts": self.vhosts,
            "having": self.having,
            "page": self.page if self.page > 1 else "",
            "columns": self.columns_page if self.columns_page > 1 else "",
            "page_size": self.size if self.size != 50 else "",
            **changes,
        }
        return "?" + urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, kw_only=True)
class Matrix:
    asked: MatrixRequest
    vhosts: Sequence[str]
    rows: Sequence[Row]
    users_matched: int
    users_total: int
    vhosts_matched: int
    page: int
    pages: int
    columns_page: int
    columns_pages: int

    @property
    def is_filtered(self) -> bool:
        return bool(self.asked.users or self.asked.vhosts or self.asked.having)

    @property
    def previous_href(self) -> str:
        return self.asked.href(page=self.page - 1) if self.page > 1 else ""

    @property
    def next_href(self) -> str:
        return self.asked.href(page=self.page + 1) if self.page < self.pages else ""

    @property
    def left_href(self) -> str:
        return self.asked.href(columns=self.columns_page - 1) if self.columns_page > 1 else ""

    @property
    def right_href(self) -> str:
        more = self.columns_page < self.columns_pages
        return self.asked.href(columns=self.columns_page + 1) if more else ""

    @property
    def self_href(self) -> str:
        return self.asked.href()

    @property
    def first_column(self) -> int:
        return (self.columns_page - 1) * COLUMNS + 1 if self.vhosts else 0

    @property
    def last_column(self) -> int:
        return self.first_column + len(self.vhosts) - 1 if self.vhosts else 0


def read_matrix(query: QueryDict, broker: Broker) -> MatrixRequest:
    """Return the checked parameters. Invalid ones are left out and listed in `problems`."""
    problems: list[InvalidField] = []

    def text(name: str) -> str:
        value = query.get(name, "")
        if "\0" in value or len(value) > _MOST_TEXT:
            problems.append(InvalidField(name, f"No name holds what {name} asks for."))
            return ""
        return value

    def number(name: str, otherwise: int, allowed: Sequence[int] = ()) -> int:
        value = query.get(name, "") or str(otherwise)
        if not (value.isascii() and value.isdigit() and 0 < len(value) < 8 and int(value) > 0):
            problems.append(InvalidField(name, f"{name} must be a whole number from 1 on."))
            return otherwise
        if allowed and int(value) not in allowed:
            said = ", ".join(map(str, allowed))
            problems.append(InvalidField(name, f"{name} must be one of {said}."))
            return otherwise
        return int(value)

    having = query.get("having", "")
    if having and having not in HAVING:
        problems.append(InvalidField("having", f"having must be one of {', '.join(HAVING)}."))
        having = ""
    return MatrixRequest(
        broker=broker,
        users=text("users"),
        vhosts=text("vhosts"),
        having=having,
        page=number("page", 1),
        columns_page=number("columns", 1),
        size=number("page_size", 50, ROWS),
        problems=tuple(problems),
    )


def matrix_of(asked: MatrixRequest, user: AnyUser, *, edit_href: str) -> Matrix:
    """Return the matrix. The number of queries doesn't depend on the broker's size. `edit_href` is
    the URL of the cell editor."""
    seen_vhosts = VirtualHost.objects.visible_to(user).filter(broker=asked.broker)
    if asked.vhosts:
        seen_vhosts = seen_vhosts.filter(name__icontains=asked.vhosts)
    vhosts_matched = seen_vhosts.count()
    columns_pages = max(1, ceil(vhosts_matched / COLUMNS))
    columns_page = min(asked.columns_page, columns_pages)
    first = (columns_page - 1) * COLUMNS
    names = seen_vhosts.order_by("name").values_list("name", flat=True)
    vhosts = list(names[first : first + COLUMNS])

    everybody = BrokerUser.objects.visible_to(user).filter(broker=asked.broker)
    permissions = BrokerPermission.objects.visible_to(user).filter(broker=asked.broker)
    matching = _having(everybody, permissions, vhosts_matched, asked)
    counts = everybody.aggregate(total=Count("pk"))
    matched = matching.count() if asked.users or asked.having else counts["total"]
    pages = max(1, ceil(matched / asked.size))
    page = min(asked.page, pages)
    first = (page - 1) * asked.size
    users = list(matching.order_by("name")[first : first + asked.size])
    here = {"user__in": [one.name for one in users], "vhost__in": vhosts}
    return Matrix(
        asked=asked,
        vhosts=vhosts,
        rows=_rows(asked.broker, users, vhosts, permissions.filter(**here), user, edit_href),
        users_matched=matched,
        users_total=counts["total"],
        vhosts_matched=vhosts_matched,
        page=page,
        pages=pages,
        columns_page=columns_page,
        columns_pages=columns_pages,
    )


def _having(
    users: QuerySet[Any], permissions: QuerySet[Any], vhost_count: int, asked: MatrixRequest
) -> QuerySet[Any]:
    """Filter users by name, and by their permissions in all virtual hosts of the filter, not only
    those on this page."""
    if asked.users:
        users = users.filter(name__icontains=asked.users)
    if not asked.having:
        return users
    if asked.vhosts:
        permissions = permissions.filter(vhost__icontains=asked.vhosts)
    # Counted for all users at once: a subquery for each takes a second for 1000 users.
    counted = permissions.order_by().values_list("user").annotate(n=Count("pk"))
    if asked.having == "differing":
        alike = Q(n=vhost_count)
        for right in ("configure", "write", "read"):
            counted = counted.annotate(**{f"of_{right}": Count(right, distinct=True)})
            alike &= Q(**{f"of_{right}": 1})
        return users.filter(name__in=[row[0] for row in counted.exclude(alike)])
    holders = [row[0] for row in counted]
    found = Q(name__in=holders)
    return users.filter(found if asked.having == "with" else ~found)


def _rows(
    broker: Broker,
    users: Sequence[BrokerUser],
    vhosts: Sequence[str],
    permissions: QuerySet[Any],
    person: AnyUser,
    edit_href: str,
) -> list[Row]:
    names = [one.name for one in users]
    found = {
        (user, vhost): patterns
        for user, vhost, *patterns in permissions.values_list(
            "user", "vhost", "configure", "write", "read"
        )
    }
    topics: Mapping[str, int] = dict(
        BrokerTopicPermission.objects.visible_to(person)
        .filter(broker=broker, user__in=names, vhost__in=vhosts)
        .order_by()
        .values_list("user")
        .annotate(n=Count("pk"))
    )
    syncs = _unproven(broker, names, vhosts)
    columns = [(vhost, f"&{urlencode({'vhost': vhost})}") for vhost in vhosts]
    unknown = broker.status.why_unknown("permissions")
    said: dict[tuple[str, ...], tuple[str, str]] = {
        (): ("?", f"Unknown. {unknown}") if unknown else ("", "No permission.")
    }
    rows = []
    for one in users:
        start = f"{edit_href}&{urlencode({'user': one.name})}"
        cells = []
        for vhost, query in columns:
            patterns = tuple(found.get((one.name, vhost), ()))
            if patterns not in said:
                said[patterns] = in_short(*patterns)
            short, words = said[patterns]
            cells.append(Cell(vhost, short, words, f"{start}{query}", syncs.get((vhost, one.name))))
        rows.append(Row(one, cells, topics.get(one.name, 0)))
    return rows


def _unproven(
    broker: Broker, users: Sequence[str], vhosts: Sequence[str]
) -> dict[tuple[str, ...], SyncState]:
    """Return the sync states of managed cells that aren't in sync, by (vhost, user)."""
    asked = ManagedObject.objects.filter(broker=broker, kind=PERMISSION.name)
    here = asked.filter(key__0__in=vhosts, key__1__in=users).exclude(
        sync__in=[Sync.IN_SYNC, Sync.RETIRED]
    )
    return {tuple(row.key): sync_state(row) for row in here}


def in_short(configure: str, write: str, read: str) -> tuple[str, str]:
    """Return (a word, a sentence) for the three patterns of a permission."""
    rights = {
        name: in_words(pattern)
        for name, pattern in (("configure", configure), ("write", write), ("read", read))
    }
    words = rights_in_words(rights)
    kinds = {name: one.kind for name, one in rights.items()}
    if "some" in kinds.values():
        return "custom", words
    whole = [name for name, kind in kinds.items() if kind == "all"]
    if len(whole) in (0, 3):
        return ("full" if whole else "none"), words
    return " + ".join(whole), words
