"""What a broker deletes together with an object, and what an object depends on.

Sources: `rabbit_vhost:delete/2`, `rabbit_auth_backend_internal:delete_user/2`, `rabbit_binding`.
Here, limits are part of their virtual host or user. The topic permissions of a deleted exchange
stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS


def hanging_on(ref: Ref) -> Iterator[tuple[str, Mapping[int, str]]]:
    """Yield (kind, parts of the key by position) of everything that is deleted with `ref`."""
    owner = KINDS[ref.kind]
    for kind in KINDS.values():
        if kind is owner or not kind.has_state:
            continue
        if owner.is_container and kind.vhost_at is not None:
            yield kind.name, {kind.vhost_at: ref.key[0]}
        elif owner.is_account and kind.user_at is not None:
            yield kind.name, {kind.user_at: ref.key[0]}
        for parts in kind.hangs_on(ref):
            yield kind.name, parts


def stands_on(ref: Ref) -> tuple[Ref, ...]:
    """Return the objects that must exist before `ref` can: its virtual host, the user of a
    permission, the ends of a binding."""
    return tuple(KINDS[ref.kind].stands_on(ref.key))


def owners_of(ref: Ref) -> Iterator[Ref]:
    """Yield the virtual host and the user that `ref` depends on, if any."""
    for need in stands_on(ref):
        if KINDS[need.kind].is_container or KINDS[need.kind].is_account:
            yield need
