"""What hangs on an object, so that a broker deletes it together with that object.

Sources: `rabbit_vhost:delete/2`, `rabbit_auth_backend_internal:delete_user/2`, `rabbit_binding`. Limits
are part of their virtual host or user here. The topic permissions of a deleted exchange stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from console.kinds.base import KINDS, Ref


def hanging_on(ref: Ref) -> Iterator[tuple[str, Mapping[int, str]]]:
    """(kind, parts of the key by position) of everything that goes with `ref`."""
    if ref.kind == "vhost":
        for kind in KINDS.values():
            if kind.vhost_at is not None and kind.name != "vhost":
                yield kind.name, {kind.vhost_at: ref.key[0]}
    elif ref.kind == "user":
        yield "permission", {1: ref.key[0]}
        yield "topic_permission", {1: ref.key[0]}
    elif ref.kind in ("queue", "exchange"):
        vhost, name = ref.key
        yield "binding", {0: vhost, 2: ref.kind, 3: name}
        if ref.kind == "exchange":
            yield "binding", {0: vhost, 1: name}


def owners_of(ref: Ref) -> Iterator[Ref]:
    """The virtual host and the user that `ref` hangs on, where it hangs on one."""
    at = KINDS[ref.kind].vhost_at
    if at is not None and ref.kind != "vhost":
        yield Ref("vhost", (ref.key[at],))
    if ref.kind in ("permission", "topic_permission"):
        yield Ref("user", (ref.key[1],))
