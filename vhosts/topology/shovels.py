"""The shovels that read from a queue or exchange, or write to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db.models import Q

from console.faces.pages.words import counted, listed
from console.kinds.refusals.uris import uris_of
from vhosts.models import Shovel
from vhosts.topology.reference import MOST, NAMED, Of, Reference

_ENDS = (("src", "source"), ("dest", "destination"))


def shovels_of(of: Of) -> Iterator[Reference]:
    """Yield the shovels of the broker that name it. A shovel in another virtual host may reach this
    one by its URI; those aren't named, because who may see this virtual host may not see them."""
    setting = {prefix: f"{prefix}-{of.kind}" for prefix, _ in _ENDS}
    named_here = Q(**{f"value__{setting['src']}": of.name})
    named_here |= Q(**{f"value__{setting['dest']}": of.name})
    rows = Shovel.objects.filter(named_here, broker=of.broker).order_by("vhost", "name")
    found = list(rows.values_list("vhost", "name", "value")[:MOST])
    for prefix, word in _ENDS:
        ends = [
            (vhost, name)
            for vhost, name, value in found
            if value.get(setting[prefix]) == of.name
            and of.vhost in _vhosts(value.get(f"{prefix}-uri"))
        ]
        if ends:
            yield _reference(of, ends, word)


def _reference(of: Of, ends: list[tuple[str, str]], word: str) -> Reference:
    own = [name for vhost, name in ends if vhost == of.vhost]
    shovels = counted(len(ends), "shovel")
    has = "has" if len(ends) == 1 else "have"
    rest, elsewhere = len(own) - NAMED, len(ends) - len(own)
    parts = own[:NAMED]
    parts += [f"{rest} more"] if rest > 0 else []
    parts += [f"{elsewhere} of other virtual hosts"] if elsewhere else []
    return Reference(
        "shovels", len(ends), tuple(own[:NAMED]),
        f"{shovels} {has} it as their {word}: {listed(parts)}."
        if len(ends) > 1
        else f"1 shovel has it as its {word}: {parts[0]}.",
        f"It's the {word} of {shovels}.",
    )  # fmt: skip


def _vhosts(uris: Any) -> set[str]:
    """Return the virtual hosts of this broker that the URIs lead to. A URI without a host is this
    broker (`amqp_uri.erl`); where one with a host leads is unknown, so it isn't counted."""
    found = set()
    for uri in uris_of(uris):
        if not isinstance(uri, str):
            continue
        try:
            parts = urlsplit(uri)
        except ValueError:
            continue
        if not parts.netloc.rpartition("@")[2]:
            found.add(unquote(parts.path[1:]) if parts.path else "/")
    return found
