"""Addresses of pages about changes and access, with something hostile on each. For test_every_page."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from accessctl.models import ConsoleSession, Grant
from accessctl.tokens.service import create_token
from console.audit import record
from console.engine.accept import accept
from console.engine.proposal import DesiredObject, Proposal
from console.kinds.common.kind import Ref
from console.models import (
    Broker,
    Change,
    ChangeState,
    JobRun,
    ManagedObject,
    Step,
    StepState,
    Sync,
)
from tests.factories import add_broker, add_user, add_vhost, permit, permit_topic
from vhosts.definitions import backups
from vhosts.definitions.import_drafts import make_draft
from vhosts.definitions.import_file import ImportOptions
from vhosts.models import Backup, Binding, Exchange, ImportDraft, OperatorPolicy, Policy

Pages = dict[str, str]
_FILE = b"""{"vhosts": [{"name": "/new"}, {"name": "<b>x</b>"}], "quees": [],
  "queues": [{"vhost": "/new", "name": "<img src=x onerror=alert(1)>", "durable": true, "arguments": {}}]}"""


def of_changes_and_access(live: Broker, hostile: str, administrator: Any, now: datetime) -> Pages:
    """`live` answers; a second broker, whose name is hostile too, is down."""
    listeners = [{"node": hostile, "protocol": "amqp/ssl", "address": "::", "port": 5671}]
    broker = add_broker(hostile, now, state="unreachable", listeners=listeners)
    vhost = add_vhost(broker, hostile, now, description=hostile, tracing=True, tags=["a"])
    user = add_user(broker, hostile, now, tags=["administrator"])
    permission = permit(broker, hostile, hostile, now, ".*", f"^{'x' * 80}$", "^$")
    topic = permit_topic(broker, hostile, hostile, "amq.topic", now)
    policy, capped = (
        model.objects.create(
            broker=broker, vhost=hostile, name=hostile, pattern=f"^{hostile}", apply_to="queues", priority=7,
            definition={"max-length": 9, hostile[:60]: hostile}, first_seen_at=now, changed_at=now,
        )
        for model in (Policy, OperatorPolicy)
    )  # fmt: skip
    exchange, other = (
        Exchange.objects.create(
            broker=broker, vhost=hostile, name=name, type="headers", durable=True, internal=True, policy=hostile,
            arguments={"alternate-exchange": hostile}, first_seen_at=now, changed_at=now,
        )
        for name in (hostile, "orders")
    )  # fmt: skip
    binding, _ = (
        Binding.objects.create(
            broker=broker, vhost=hostile, source=source, destination_type="exchange", destination=destination,
            routing_key=hostile, arguments=json.dumps({hostile: hostile, "x-match": "any"}), first_seen_at=now,
            changed_at=now,
        )
        for source, destination in ((hostile, "orders"), ("orders", hostile))
    )  # fmt: skip
    changes = {state: _change(broker, hostile, state, administrator, now) for state in ChangeState}
    drifted = ManagedObject.objects.filter(broker=broker).first()
    assert drifted is not None
    ManagedObject.objects.filter(pk=drifted.pk).update(
        sync=Sync.DRIFTED,
        reason=hostile,
        drifted_since=now - timedelta(days=2),
        drift=[{"name": "description", "before": hostile, "after": "x" * 200}],
    )
    entry = record(
        "vhost:update", target_kind="vhost", target=hostile, acting_user=administrator, broker=broker,
        before={"description": hostile}, after={"description": "new"}, reason=hostile,
    )  # fmt: skip
    person = _people(administrator, hostile, broker, now)
    draft = _plan(live, administrator, now)
    first, second = _backups(live, now)
    change = changes[ChangeState.PARTLY].pk
    for name in ("keep_history", "keep_history.rollup_5m"):
        hour_ago = now - timedelta(hours=1)
        JobRun.objects.create(
            name=name, expected_since=hour_ago, started_at=now, failed_at=now,
            succeeded_at=hour_ago, error=f"Broker {hostile}: {'x' * 300}", failures=60,
        )  # fmt: skip
    return {
        "fleet while a job fails": "/",
        "system": "/system/",
        "changes": "/changes/",
        "changes, nothing matches": "/changes/?search=nothing-of-that-name",
        **{f"change, {state}": f"/changes/{one.pk}/" for state, one in changes.items()},
        "drift": "/drift/",
        "drift, unmanaged": "/drift/unmanaged/?kind=permission",
        "drift, nothing": f"/drift/?broker={live.pk}",
        "audit": "/audit/",
        "audit, nothing matches": "/audit/?search=nothing-of-that-name",
        "audit entry": f"/audit/{entry.pk}/",
        "explain, not asked": "/explain/",
        "explain": f"/explain/?broker={live.pk}&user=guest&vhost=/&act=publish&target=amq.topic&routing_key=a",
        "connect, not asked": "/connect/",
        **{
            f"connect, {client}": f"/connect/?{urlencode({'broker': broker.pk, 'vhost': hostile, 'user': hostile, 'client': client})}"
            for client in ("pika", "java")
        },
        "trace a message, not asked": "/route/",
        "trace a message": f"/route/?broker={live.pk}&vhost=/&exchange=amq.topic&routing_key=a",
        "definitions": "/definitions/",
        "definitions plan": f"/definitions/plans/{draft.pk}/",
        "backups": "/definitions/backups/",
        "compare backups": f"/definitions/backups/compare/?older={first.pk}&newer={second.pk}",
        "access": "/access/",
        "access, why": f"/access/?person={administrator.username}&permission=vhosts:edit",
        "grants": "/access/grants/",
        "people": "/access/people/",
        "person": f"/access/people/{person.pk}/",
        "tokens": "/access/tokens/",
        "sessions": "/access/sessions/",
        "first password": "/access/first-password/#7-abc-def",
        "second factor": "/accounts/2fa/",
        "set up a second factor": "/accounts/2fa/totp/activate/",
        "confirm": "/accounts/confirm/",
        "delete a user": f"/users/{user.pk}/delete/",
        "edit a user": f"/users/{user.pk}/edit/",
        "delete a hostile vhost": f"/vhosts/{vhost.pk}/delete/?change={change}",
        "policies": f"/policies/?broker={broker.pk}",
        "operator policies": "/operator-policies/",
        "policies, nothing": f"/policies/?broker={live.pk}&search=nothing-of-that-name",
        "policy": f"/policies/{policy.pk}/",
        "edit a policy": f"/policies/{policy.pk}/edit/",
        "delete a policy": f"/policies/{policy.pk}/delete/",
        "create an operator policy": f"/operator-policies/new/?broker={broker.pk}",
        "operator policy": f"/operator-policies/{capped.pk}/",
        "admin, policy": f"/admin/vhosts/policy/{policy.pk}/change/",
        "exchanges": f"/exchanges/?broker={broker.pk}",
        "exchanges, nothing": f"/exchanges/?broker={live.pk}&search=nothing-of-that-name",
        "exchange": f"/exchanges/{exchange.pk}/",
        "delete an exchange": f"/exchanges/{other.pk}/delete/?force=yes",
        "replace an exchange": f"/exchanges/{other.pk}/replace/",
        "create an exchange": f"/exchanges/new/?broker={live.pk}",
        "bindings": f"/bindings/?broker={broker.pk}",
        "binding": f"/bindings/{binding.pk}/",
        "delete a binding": f"/bindings/{binding.pk}/delete/",
        "create a binding": f"/bindings/new/?broker={live.pk}",
        "admin, exchange": f"/admin/vhosts/exchange/{exchange.pk}/change/",
        "topic permissions": f"/topic-permissions/?broker={broker.pk}",
        "matrix of a broker in trouble": f"/permissions/matrix/?broker={broker.pk}",
        "admin, which broker": "/admin/vhosts/virtualhost/add/",
        "admin, vhosts": "/admin/vhosts/virtualhost/",
        "admin, vhost": f"/admin/vhosts/virtualhost/{vhost.pk}/change/",
        "admin, delete a vhost": f"/admin/vhosts/virtualhost/{vhost.pk}/delete/",
        "admin, user": f"/admin/accessctl/brokeruser/{user.pk}/change/",
        "admin, permission": f"/admin/accessctl/brokerpermission/{permission.pk}/change/",
        "admin, topic permission": f"/admin/accessctl/brokertopicpermission/{topic.pk}/delete/",
        "admin, managed objects": "/admin/console/managedobject/",
        "revert to a time": f"/changes/revert/?broker={broker.pk}",
        "admin, change": f"/admin/console/change/{change}/change/",
    }


def _change(broker: Broker, name: str, state: ChangeState, author: Any, now: datetime) -> Change:
    """One in this state, its steps as such a change has them."""
    specs: list[dict[str, Any] | None] = [{"description": name}, {"description": "b"}, None]
    change = accept(
        Proposal(
            title=f"{state}: {name}",
            origin="page",
            reason=name,
            desired_objects=[
                DesiredObject(
                    broker=broker,
                    ref=Ref("vhost", (f"{state} {number} {name}"[:200],)),
                    spec=spec,
                    observed=None if spec else {"description": "there"},
                    permission="vhosts:edit",
                )
                for number, spec in enumerate(specs)
            ],
        ),
        now=now - timedelta(minutes=3),
        acting_user=author,
    )
    ended = {
        ChangeState.DONE: StepState.APPLIED,
        ChangeState.PARTLY: StepState.REJECTED,
        ChangeState.REJECTED: StepState.REJECTED,
        ChangeState.STOPPED: StepState.STOPPED,
    }.get(state)
    if ended is not None:
        first = change.steps.order_by("ordinal")[:1].values("pk")
        Step.objects.filter(change=change).update(
            state=ended, finished_at=now, error_code="rejected", error_detail=f"bad_request: {name}"
        )
        if state == ChangeState.PARTLY:
            Step.objects.filter(pk__in=list(first.values_list("pk", flat=True))).update(
                state=StepState.APPLIED, error_code="", error_detail=""
            )
    elif state == ChangeState.WAITING:
        Step.objects.filter(change=change).update(
            error_code="unreachable", error_detail=name, next_at=now + timedelta(minutes=1)
        )
    finished = None if ended is None else now
    Change.objects.filter(pk=change.pk).update(state=state, finished_at=finished)
    return change


def _people(administrator: Any, hostile: str, broker: Broker, now: datetime) -> Any:
    from django.contrib.auth.models import Group, User

    person = User.objects.create_user("grace", password=None)
    group = Group.objects.create(name=hostile[:100].replace("\u202e", ""))
    person.groups.add(group)
    grant = {"created_at": now, "broker": broker, "vhost_pattern": "/team-*"}
    Grant.objects.create(user=person, role="vhost_administrator", **grant)
    Grant.objects.create(group=group, role="viewer", created_at=now)
    create_token(
        user=administrator, name="<b>ci</b> " + "x" * 80, expires_in=timedelta(days=3), now=now,
        acting_user=administrator, scopes=["queues:view", "vhosts:view"], networks=["10.0.0.0/8"],
    )  # fmt: skip
    ConsoleSession.objects.create(
        session_key="other", session_data="", expire_date=now + timedelta(days=1), user=person,
        address="192.0.2.7", user_agent=hostile, begun_at=now, seen_at=now,
    )  # fmt: skip
    return person


def _plan(broker: Broker, author: Any, now: datetime) -> ImportDraft:
    return make_draft(
        broker=broker, body=_FILE, title="<b>a file</b>", options=ImportOptions(),
        acting_user=author, now=now,
    )  # fmt: skip


def _backups(broker: Broker, now: datetime) -> tuple[Backup, Backup]:
    first = backups.take_backup(
        broker, now=now - timedelta(days=1), origin="page", acting_user=None
    )
    second = Backup.objects.get(pk=first.pk)
    second.pk, second.taken_at, second.digest = None, now, "other"
    second.save(force_insert=True)
    return first, second
