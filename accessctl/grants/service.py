"""Create and delete grants. A person can only grant rights that they have themselves over all of
the place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, Group
from django.contrib.auth.models import User as Person
from django.db import IntegrityError, transaction

from accessctl import globs
from accessctl.authorize import AnyUser, may_over
from accessctl.grants.roles import WHOLE_BROKER, Role
from accessctl.models import Grant
from accessctl.reach import Place
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField, NotAllowed
from console.models import Broker, Environment


@dataclass(frozen=True, kw_only=True)
class GrantSettings:
    """Settings of a grant. Set either `user` or `group`. With neither broker nor environment, it
    applies to all brokers."""

    user: Person | None = None
    group: Group | None = None
    role: str
    broker: Broker | None = None
    environment: str = ""
    vhost_pattern: str = globs.EVERYTHING
    reads_messages: bool = False


def give_grant(settings: GrantSettings, *, now: datetime, acting_user: AbstractBaseUser) -> Grant:
    """Create a grant. Raises InvalidField; NotAllowed if `acting_user` lacks a right in it, or may
    not edit grants in this place."""
    grant = _checked(settings)
    grant.created_at, grant.created_by_id = now, acting_user.pk
    refuse_beyond_own(grant, acting_user)
    with transaction.atomic():
        try:
            with transaction.atomic():
                grant.save(force_insert=True)
        except IntegrityError:
            raise InvalidField("role", f"This grant already exists: {grant}.") from None
        record(
            "grants:give",
            target_kind="grant",
            target=str(grant),
            acting_user=acting_user,
            broker=grant.broker,
            after=_audited(grant),
        )
    return grant


def take_grant(grant: Grant, *, acting_user: AbstractBaseUser) -> None:
    """Delete a grant. It has no effect from the next request on. Raises NotAllowed like
    `give_grant`."""
    refuse_beyond_own(grant, acting_user)
    with transaction.atomic():
        record(
            "grants:take",
            target_kind="grant",
            target=str(grant),
            acting_user=acting_user,
            broker=grant.broker,
            before=_audited(grant),
        )
        grant.delete()


def refuse_beyond_own(grant: Grant, acting_user: AnyUser) -> None:
    place = Place(grant.broker, grant.environment, grant.vhost_pattern)
    if not may_over(acting_user, Permission.GRANTS_EDIT, place):
        raise NotAllowed(
            f"You aren't allowed to edit grants on {grant.place}.",
            {"permission": str(Permission.GRANTS_EDIT)},
        )
    lacking = sorted(p for p in grant.permissions if not may_over(acting_user, p, place))
    if lacking:
        raise NotAllowed(
            "You can only grant or revoke permissions that you have yourself. You "
            f"lack: {', '.join(lacking)}.",
            {"permissions": [str(each) for each in lacking]},
        )


def _checked(settings: GrantSettings) -> Grant:
    if (settings.user is None) == (settings.group is None):
        raise InvalidField("user", "Choose a user or a group, not both.")
    if settings.role not in Role.values:
        raise InvalidField("role", f"The role must be one of {', '.join(Role.values)}.")
    if settings.environment and settings.environment not in Environment.values:
        raise InvalidField(
            "environment", f"The environment must be one of {', '.join(Environment.values)}."
        )
    if settings.broker is not None and settings.environment:
        raise InvalidField("environment", "Choose a broker or an environment, not both.")
    if fault := globs.fault(settings.vhost_pattern):
        raise InvalidField("vhost_pattern", fault)
    # One spelling for all virtual hosts, so that no grant exists twice.
    everything = globs.is_everything(settings.vhost_pattern)
    if not everything and Role(settings.role) in WHOLE_BROKER:
        raise InvalidField(
            "vhost_pattern",
            "A broker administrator always has the whole broker. To limit the grant "
            "to virtual hosts, choose the role vhost administrator.",
        )
    return Grant(
        user=settings.user,
        group=settings.group,
        role=settings.role,
        broker=settings.broker,
        environment=settings.environment,
        vhost_pattern=globs.EVERYTHING if everything else settings.vhost_pattern,
        reads_messages=settings.reads_messages,
    )


def _audited(grant: Grant) -> dict[str, object]:
    return {
        "to": grant.grantee,
        "role": grant.role,
        "place": grant.place,
        "reads_messages": grant.reads_messages,
    }
