"""May this user do this? The one place that answers, for pages, the API and tasks alike.

Deny by default. Until grants exist, superusers may do everything and nobody else anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import Http404

from accessctl.permissions import Permission
from console.errors import NotAllowed
from console.models import Broker

if TYPE_CHECKING:
    from collections.abc import Iterable

AnyUser = AbstractBaseUser | AnonymousUser


def may(user: AnyUser, permission: Permission, broker: Broker | None = None) -> bool:
    """`broker` None asks about the permission on no broker in particular (adding one, a list)."""
    return bool(user.is_authenticated and user.is_active and getattr(user, "is_superuser", False))


def may_by_name(user: AbstractBaseUser | None, permission: str, broker: Broker) -> bool:
    """`may`, for callers below that know a permission by its text. False for an unknown one, and for
    the author of a change whose account is gone."""
    if user is None or permission not in Permission.__members__.values():
        return False
    return may(user, Permission(permission), broker)


def require(user: AnyUser, permission: Permission, broker: Broker | None = None) -> None:
    """Raises NotAllowed where `may` says no."""
    if not may(user, permission, broker):
        raise NotAllowed(
            f"You may not do this here ({permission}).", {"permission": str(permission)}
        )


def allowed(user: AnyUser, permissions: Iterable[Permission]) -> set[Permission]:
    return {permission for permission in permissions if may(user, permission)}


def access_broker(
    user: AnyUser, broker_id: int, permission: Permission, *, lock: bool = False
) -> Broker:
    """The broker, ready for use. Http404 outside the user's scope, NotAllowed inside it without
    the right. `lock` takes the row FOR UPDATE (needs a transaction)."""
    brokers = Broker.objects.visible_to(user).select_related("status")
    if lock:
        brokers = brokers.select_for_update(of=("self",))
    broker = brokers.filter(pk=broker_id).first()
    if broker is None:
        raise Http404("No such broker.")
    require(user, permission, broker)
    return broker
