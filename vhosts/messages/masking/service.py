"""Create, change and delete masking rules, with an audit entry each; and the masks of a reader.

Nobody gains by what they change here: adding a rule only hides more, and a rule that applies to
its editor is changed or deleted by somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from accessctl import globs
from accessctl.authorize import AnyUser, may_over
from accessctl.grants.roles import Role
from accessctl.reach import Place, reach_of
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField, NotAllowed
from console.models import Broker
from vhosts.messages.masking.masks import BodyMask, HeaderMask, Masks, folded_name
from vhosts.messages.masking.paths import LONGEST, read_path
from vhosts.models import MaskingRule

MOST_RULES = 200


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """What a person sets of a rule (MaskingRule)."""

    broker: Broker | None
    vhost_pattern: str
    roles: tuple[str, ...]
    subject: str
    target: str
    action: str
    replacement: str = ""
    reason: str = ""


def seen_by(user: AnyUser) -> QuerySet[MaskingRule]:
    """Return the rules of the brokers on which the user sees grants, and those of all brokers if
    they see grants anywhere."""
    reach = reach_of(user)
    if not reach.has(Permission.GRANTS_VIEW):
        return MaskingRule.objects.none()
    brokers = Broker.objects.filter(reach.brokers(Permission.GRANTS_VIEW))
    return MaskingRule.objects.filter(Q(broker=None) | Q(broker__in=brokers)).select_related(
        "broker"
    )


def why_not(user: AnyUser, rule: MaskingRule) -> str:
    """Return why the user may not change or delete the rule, "" if they may."""
    if not _over(user, rule.broker, rule.vhost_pattern):
        return "You need grants:edit over all of the rule's scope."
    if _applies_to(rule, user):
        return "The rule applies to you. Ask somebody to whom it doesn't apply, or a superuser."
    return ""


def add_rule(settings: RuleSettings, *, now: datetime, acting_user: Any) -> MaskingRule:
    """Add a rule. Raises InvalidField, NotAllowed."""
    _require_over(acting_user, settings)
    _check(settings)
    if MaskingRule.objects.count() >= MOST_RULES:
        raise InvalidField("target", f"The limit is {MOST_RULES} rules. Delete one first.")
    with transaction.atomic():
        rule = MaskingRule.objects.create(
            **_columns(settings), created_at=now, author_name=acting_user.get_username()
        )
        _record("add", rule, acting_user, after=_audited(rule))
    return rule


def change_rule(pk: int, settings: RuleSettings, *, acting_user: Any) -> MaskingRule:
    """Change a rule. Raises Http404, InvalidField, NotAllowed."""
    with transaction.atomic():
        rule = _held(pk, acting_user)
        _require_over(acting_user, settings)
        _check(settings)
        before = _audited(rule)
        for name, value in _columns(settings).items():
            setattr(rule, name, value)
        rule.save()
        _record("edit", rule, acting_user, before=before, after=_audited(rule))
    return rule


def delete_rule(pk: int, *, acting_user: Any) -> None:
    """Delete a rule: what it hid is shown from the next request on. Raises Http404, NotAllowed."""
    with transaction.atomic():
        rule = _held(pk, acting_user)
        _record("delete", rule, acting_user, before=_audited(rule))
        rule.delete()


def masks_of(user: AnyUser, broker: Broker, vhost: str) -> Masks:
    """Return the masks that apply to the user in a virtual host. One query.

    A rule for roles applies if any grant that lets them see messages there has one of the roles, so
    that a further grant never lifts a rule.
    """
    roles = _roles(user, broker, vhost)
    headers: list[HeaderMask] = []
    body: list[BodyMask] = []
    for rule in MaskingRule.objects.filter(Q(broker=None) | Q(broker=broker.pk)):
        if not globs.matches(rule.vhost_pattern, vhost):
            continue
        if rule.roles and not roles.intersection(rule.roles):
            continue
        action: Any = rule.action
        if rule.subject == MaskingRule.Subject.HEADER:
            headers.append(HeaderMask(folded_name(rule.target), action, rule.replacement))
        else:
            body.append(BodyMask(read_path(rule.target), action, rule.replacement))
    return Masks(tuple(headers), tuple(body))


def hides_less(user: AnyUser, source: tuple[Broker, str], target: tuple[Broker, str]) -> bool:
    """Return whether the user would see in the target virtual host what masks hide from them in the
    source: then they may not take messages there."""
    here, there = masks_of(user, *source), masks_of(user, *target)
    return not (set(here.headers) <= set(there.headers) and set(here.body) <= set(there.body))


def _roles(user: AnyUser, broker: Broker, vhost: str) -> set[str]:
    seeing = {Permission.MESSAGES_VIEW, Permission.MESSAGES_READ}
    return {
        grant.role
        for grant in reach_of(user).grants
        if grant.is_on(broker)
        and globs.matches(grant.vhost_pattern, vhost)
        and seeing & grant.permissions
    }


def _applies_to(rule: MaskingRule, user: AnyUser) -> bool:
    """Return whether a rule may hide something from the user. Never for superusers: somebody must
    be able to change rules for everybody."""
    reach = reach_of(user)
    if reach.everything:
        return False
    return not rule.roles or any(grant.role in rule.roles for grant in reach.grants)


def _held(pk: int, user: AnyUser) -> MaskingRule:
    """Return the rule, locked, if the user may change it."""
    rule = seen_by(user).select_for_update(of=("self",)).filter(pk=pk).first()
    if rule is None:
        raise Http404("Masking rule not found.")
    if reason := why_not(user, rule):
        raise NotAllowed(reason, {"permission": str(Permission.GRANTS_EDIT)})
    return rule


def _over(user: AnyUser, broker: Broker | None, vhost_pattern: str) -> bool:
    return may_over(user, Permission.GRANTS_EDIT, Place(broker, "", vhost_pattern))


def _require_over(user: AnyUser, settings: RuleSettings) -> None:
    if not _over(user, settings.broker, settings.vhost_pattern):
        raise NotAllowed(
            "You need grants:edit over all of the rule's scope. Choose a broker on which you have "
            "it.",
            {"permission": str(Permission.GRANTS_EDIT)},
        )


def _check(settings: RuleSettings) -> None:
    if fault := globs.fault(settings.vhost_pattern):
        raise InvalidField("vhost_pattern", fault)
    if unknown := set(settings.roles) - set(Role.values):
        raise InvalidField("roles", f"There is no role {min(unknown)[:40]}.")
    if settings.subject not in MaskingRule.Subject.values:
        raise InvalidField("subject", "Choose a header or a part of the body.")
    if settings.action not in MaskingRule.Action.values:
        raise InvalidField("action", "Choose to remove, mask or replace.")
    if settings.action == MaskingRule.Action.REPLACE and not settings.replacement:
        raise InvalidField("replacement", "Enter what replaces the value.")
    if not settings.target or len(settings.target) > LONGEST or "\0" in settings.target:
        raise InvalidField(
            "target", f"Enter a header name or a JSON path, up to {LONGEST} characters."
        )
    if settings.subject == MaskingRule.Subject.BODY:
        try:
            read_path(settings.target)
        except ValueError as fault_of_path:
            raise InvalidField("target", str(fault_of_path)) from None
    elif settings.target.count("*") > 5:
        raise InvalidField("target", "Use up to five * in a pattern.")


def _columns(settings: RuleSettings) -> dict[str, Any]:
    """Return the columns with their values; a replacement only where it counts."""
    found = {name: getattr(settings, name) for name in RuleSettings.__dataclass_fields__}
    found["roles"] = sorted(settings.roles)
    if settings.action != MaskingRule.Action.REPLACE:
        found["replacement"] = ""
    return found


def _audited(rule: MaskingRule) -> dict[str, object]:
    return {
        "scope": f"virtual hosts {rule.vhost_pattern} on "
        + (rule.broker.name if rule.broker else "all brokers"),
        "roles": rule.roles or "everybody",
        "subject": rule.subject,
        "target": rule.target,
        "action": rule.action,
        "replacement": rule.replacement,
    }


def _record(
    verb: str,
    rule: MaskingRule,
    user: AbstractBaseUser,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    record(
        f"masking:{verb}",
        target_kind="masking rule",
        target=rule.target,
        acting_user=user,
        broker=rule.broker,
        before=before,
        after=after,
        reason=rule.reason,
    )
