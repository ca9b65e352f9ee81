"""Decide whether a user may do something somewhere. Pages, the API and tasks all use this module.

The default is to deny. A superuser may do everything. Other people may do what their grants allow
(accessctl.reach), limited by the API token in use. Outside one's scope the answer is 404; inside
it without the right, 403.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import Http404

from accessctl.models import ApiToken, Grant
from accessctl.reach import AnyUser, Place, Reach, limit_reach, reach_of
from accessctl.rights import EVERYBODYS, Permission
from console.errors import NotAllowed, NothingGranted
from console.faces.face import FACES
from console.kinds.registry import KINDS
from console.models import Broker

__all__ = [
    "Answer",
    "AnyUser",
    "access_broker",
    "allowed",
    "limit_to_token",
    "may",
    "may_by_name",
    "may_over",
    "may_somewhere",
    "require",
    "why",
]


def may(
    user: AnyUser,
    permission: Permission,
    broker: Broker | None = None,
    vhost: str | None = None,
) -> bool:
    """Return whether the user has the permission.

    With a broker and virtual host: there. With only a broker: on the whole broker, so that code
    that forgets the virtual host denies. Exceptions are facts about the broker itself
    (brokers:view, polls:view), for which a grant on any part is enough. With neither: anywhere,
    which opens a list; `visible_to` limits its rows. brokers:add and people:edit concern no broker
    and need a grant on all of them.

    A broker is used as it is in memory. `vhost` need not exist.
    """
    return reach_of(user).has(permission, broker, vhost)


def may_somewhere(user: AnyUser, permission: Permission, broker: Broker) -> bool:
    """Return whether the user has the permission on the broker or any of its virtual hosts. It
    decides whether a page offers the operation."""
    return reach_of(user).has_somewhere(permission, broker)


def may_over(user: AnyUser, permission: Permission, place: Place) -> bool:
    """Return whether the user has the permission over all of a place, which may be more than one
    broker."""
    return reach_of(user).covers(permission, place)


def may_by_name(
    user: AbstractBaseUser | None,
    permission: str,
    broker: Broker,
    kind: str = "",
    key: Sequence[str] = (),
) -> bool:
    """Like `may`, for lower layers that know a permission by its text and an object by kind and
    key (console.kinds.registry). False for an unknown permission, and for a change whose author's
    account was deleted."""
    if user is None or permission not in Permission.__members__.values():
        return False
    asked = Permission(permission)
    if kind in FACES:
        why_not = FACES[kind].why_not(user, asked, broker, tuple(key), again=True)
        if why_not is not None:
            return not why_not
    return may(user, asked, broker, KINDS[kind].vhost_of(tuple(key)) if kind in KINDS else None)


def limit_to_token(user: AbstractBaseUser, token_id: int, now: datetime) -> str:
    """Limit this object of a change's author to what the API token of the request allows now.
    Return a sentence that says why the token allows nothing any more, or ""."""
    token = ApiToken.objects.filter(pk=token_id, user_id=user.pk).first()
    if token is None:
        return "The API token used for this request has been revoked."
    if token.is_expired(now):
        return "The API token used for this request has expired."
    limit_reach(user, token.only)
    return ""


def require(
    user: AnyUser,
    permission: Permission,
    broker: Broker | None = None,
    vhost: str | None = None,
) -> None:
    """Raise NotAllowed if `may` returns False."""
    if may(user, permission, broker, vhost):
        return
    raise refusal(user, permission)


def refusal(user: AnyUser, permission: Permission) -> NotAllowed:
    """Return the error for a user who lacks the permission."""
    data = {"permission": str(permission)}
    reach = reach_of(user)
    if reach.active and not reach.everything and not reach.grants and reach.only is None:
        return NothingGranted(f"You don't have any access yet. {whom_to_ask()}", data)
    return NotAllowed(f"You aren't allowed to do this here (requires {permission}).", data)


def whom_to_ask() -> str:
    """Return one sentence."""
    if settings.CONTACT:
        return f"Ask a console administrator: {settings.CONTACT}."
    return "Ask a console administrator."


def allowed(user: AnyUser, permissions: Iterable[Permission]) -> set[Permission]:
    """Return the permissions that the user has anywhere."""
    return {permission for permission in permissions if may(user, permission)}


def access_broker(
    user: AnyUser, broker_id: int, permission: Permission, *, lock: bool = False
) -> Broker:
    """Return the broker with its status. Raises Http404 outside the user's scope, NotAllowed
    inside it without the right. `lock` prevents that others edit or remove it (needs a
    transaction); polls continue."""
    brokers = Broker.objects.visible_to(user).select_related("status")
    if lock:
        brokers = brokers.select_for_update(of=("self",), no_key=True)
    broker = brokers.filter(pk=broker_id).first()
    if broker is None:
        raise Http404("Broker not found.")
    require(user, permission, broker)
    return broker


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of `may`, with sentences that explain it."""

    allowed: bool
    reasons: tuple[str, ...]


def why(
    user: AnyUser,
    permission: Permission,
    broker: Broker | None = None,
    vhost: str | None = None,
) -> Answer:
    """Like `may`, with reasons: every grant that gives the right, or what prevents it."""
    reach = reach_of(user)
    if not reach.active:
        return Answer(False, ("The account is disabled.",))
    if not reach.lets(permission):
        return Answer(False, (f"The API token in use doesn't allow {permission}.",))
    if reach.everything:
        return Answer(True, ("Superusers can do everything.",))
    if permission in EVERYBODYS:
        return Answer(True, ("Everyone can do this with their own items.",))
    holding = [grant for grant in reach.grants if permission in grant.permissions]
    giving = [g for g in holding if Reach(active=True, grants=(g,)).has(permission, broker, vhost)]
    if giving:
        return Answer(True, tuple(f"Granted to {g.grantee}: {g.words}." for g in giving))
    if not reach.grants:
        return Answer(False, ("Neither the account nor its groups have any grant.",))
    if not holding:
        return Answer(False, (f"None of the account's grants includes {permission}.",))
    return Answer(False, tuple(_why_not(grant, broker, vhost) for grant in holding))


def _why_not(grant: Grant, broker: Broker | None, vhost: str | None) -> str:
    """Return why a grant that includes the permission doesn't apply here."""
    if broker is None:
        return f"This needs a grant on all brokers; the account has {grant.words}."
    if not grant.is_on(broker):
        return f"Not on this broker; the account has {grant.words}."
    if vhost is None:
        return f"Not on the whole broker; the account has {grant.words}."
    return f"Not on this virtual host; the account has {grant.words}."
