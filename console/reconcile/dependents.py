"""What hangs on an object, so that a broker deletes it together with that object, and what an object
stands on.

Sources: `rabbit_vhost:delete/2`, `rabbit_auth_backend_internal:delete_user/2`, `rabbit_binding`. Limits
are part of their virtual host or user here. The topic permissions of a deleted exchange stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS


def hanging_on(ref: Ref) -> Iterator[tuple[str, Mapping[int, str]]]:
    """(kind, parts of the key by position) of everything that goes with `ref`."""
    owner = KINDS[ref.kind]
    for kind in KINDS.values():
        if kind is owner:
            continue
        if owner.is_container and kind.vhost_at is not None:
            yield kind.name, {kind.vhost_at: ref.key[0]}
        elif owner.is_account and kind.user_at is not None:
            yield kind.name, {kind.user_at: ref.key[0]}
        for parts in kind.hangs_on(ref):
            yield kind.name, parts


def stands_on(ref: Ref) -> tuple[Ref, ...]:
    """The objects that have to be there before `ref` can be: its virtual host, the user of a permission,
    the ends of a binding."""
    return tuple(KINDS[ref.kind].stands_on(ref.key))


def owners_of(ref: Ref) -> Iterator[Ref]:
    """The virtual host and the user that `ref` hangs on, where it hangs on one."""
    for need in stands_on(ref):
        if KINDS[need.kind].is_container or KINDS[need.kind].is_account:
            yield need
