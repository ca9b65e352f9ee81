"""Which other objects an object stands on: the broker refuses it, or drops it, without them."""

from __future__ import annotations

from console.kinds.base import KINDS, Ref


def stands_on(ref: Ref) -> tuple[Ref, ...]:
    """The objects that have to be there before `ref` can be: its virtual host, the user of a permission,
    the ends of a binding."""
    kind = KINDS[ref.kind]
    named = dict(zip(kind.identity, ref.key, strict=True))
    found: list[Ref] = []
    if kind.vhost_at is not None and ref.kind != "vhost":
        found.append(Ref("vhost", (ref.key[kind.vhost_at],)))
    if ref.kind != "user" and "user" in named:
        found.append(Ref("user", (named["user"],)))
    if ref.kind == "topic_permission":
        found.append(Ref("exchange", (named["vhost"], named["exchange"])))
    if ref.kind == "binding":
        found.append(Ref("exchange", (named["vhost"], named["source"])))
        found.append(Ref(named["destination_type"], (named["vhost"], named["destination"])))
    return tuple(found)
