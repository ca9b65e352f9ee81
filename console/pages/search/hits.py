"""What a search returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from console.models import Broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result.

    `kind` is a kind of object, or `broker`, `page`, `command`, `person` or `change`. `id` is the ID
    in addresses of pages and API; None for pages and commands. `vhost` None: it is in none.
    `is_here`: it is within the scope of the page.
    """

    kind: str
    name: str
    url: str
    icon: str
    rank: int
    id: Any = None
    #: A few more words, such as an environment.
    note: str = ""
    broker: Broker | None = None
    vhost: str | None = None
    is_here: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Results of one kind. `total` counts all matches that the person can see; `all_url` lists
    them, "" if no page does. `here` are hits in the scope, `elsewhere` the others."""

    key: str
    label: str
    hits: Sequence[Hit]
    total: int
    all_url: str = ""
    #: The place among groups whose best hits match equally well.
    order: int = field(default=0)

    @property
    def here(self) -> list[Hit]:
        return [hit for hit in self.hits if hit.is_here]

    @property
    def elsewhere(self) -> list[Hit]:
        return [hit for hit in self.hits if not hit.is_here]

    @property
    def more(self) -> int:
        return self.total - len(self.hits)

    @property
    def place(self) -> tuple[bool, int, int]:
        """The key to sort groups by: hits in the scope first, then the best match."""
        best = min((not hit.is_here, hit.rank) for hit in self.hits)
        return (*best, self.order)
