"""A pending import: a file that was uploaded and planned, and that the author then applies or
drops."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404

from accessctl.authorize import AnyUser
from console.models import Broker, Change
from console.reconcile.definitions.transformations import ABOUT_TRANSFORMATIONS
from vhosts.definitions.import_file import ImportOptions, ImportPlan, accept_import, plan_import
from vhosts.definitions.model import sealed, unsealed
from vhosts.models import ImportDraft

#: Rows beyond this number are counted but not stored with the draft.
MOST_ROWS = 20_000


def make_draft(
    *,
    broker: Broker,
    body: bytes,
    title: str,
    options: ImportOptions,
    acting_user: User,
    now: datetime,
) -> ImportDraft:
    """Plan an import and store it for its author for a day. Raises like `plan_import`."""
    plan = plan_import(broker=broker, body=body, options=options, acting_user=acting_user, now=now)
    return ImportDraft.objects.create(
        broker=broker,
        author=acting_user,
        created_at=now,
        title=title.replace("\0", "")[:255],
        content_encrypted=sealed(body),
        options=dataclasses.asdict(options),
        plan=shown_plan(plan),
        planned_at=now,
    )


def access_draft(user: AnyUser, draft_id: UUID) -> ImportDraft:
    """Return the person's own draft. Raises Http404 for any other."""
    mine = ImportDraft.objects.filter(author=user.pk, pk=draft_id)
    draft = mine.select_related("broker__status", "change").first()
    if draft is None:
        raise Http404("This import plan doesn't exist or is older than a day.")
    return draft


def options_of(draft: ImportDraft) -> ImportOptions:
    told = dict(draft.options)
    return ImportOptions(**{**told, "transformations": tuple(told["transformations"])})


def plan_again(
    draft: ImportDraft, *, options: ImportOptions, acting_user: User, now: datetime
) -> None:
    """Compare again with the broker's current state. Raises like `plan_import`, and
    WrongEncryptionKey."""
    plan = plan_import(
        broker=draft.broker,
        body=unsealed(draft.content_encrypted),
        options=options,
        acting_user=acting_user,
        now=now,
    )
    _keep(draft, plan, options, now)


def apply_draft(
    draft: ImportDraft, *, reason: str, acting_user: User, now: datetime
) -> Change | None:
    """Apply the plan that was shown. Return the change; None if there is nothing to do.

    If the broker has changed since, the new plan replaces the old one and Stale is raised. Raises
    like `accept_import`.
    """
    if draft.change is not None:
        return draft.change
    options = options_of(draft)
    plan = plan_import(
        broker=draft.broker,
        body=unsealed(draft.content_encrypted),
        options=options,
        acting_user=acting_user,
        now=now,
    )
    expected = draft.plan["fingerprint"]
    if plan.fingerprint != expected:
        _keep(draft, plan, options, now)
    change = accept_import(
        plan,
        acting_user=acting_user,
        now=now,
        origin="page",
        reason=reason,
        title=f"Import {draft.title} into {options.vhost or draft.broker.name}",
        expected_fingerprint=expected,
        idempotency_key=f"import-{draft.pk}",
    )
    if change is not None:
        ImportDraft.objects.filter(pk=draft.pk).update(change=change)
    return change


def _keep(draft: ImportDraft, plan: ImportPlan, options: ImportOptions, now: datetime) -> None:
    draft.plan, draft.planned_at = shown_plan(plan), now
    draft.options = dataclasses.asdict(options)
    draft.save(update_fields=["plan", "planned_at", "options"])


def shown_plan(plan: ImportPlan) -> dict[str, Any]:
    """Return the plan as pages and the API show it: without secrets."""
    return {
        "in_sync": plan.in_sync,
        "sound": plan.sound,
        "counts": plan.counts(),
        "rows": [row.as_json() for row in plan.rows[:MOST_ROWS]],
        "rows_left_out": max(0, len(plan.rows) - MOST_ROWS),
        "findings": [
            {"level": str(finding.level), "text": str(finding)} for finding in plan.findings[:5000]
        ],
        "findings_left_out": max(0, len(plan.findings) - 5000),
        "objections": list(plan.objections),
        "remedies": [
            {"name": name, "about": ABOUT_TRANSFORMATIONS[name]} for name in plan.remedies()
        ],
        "fingerprint": plan.fingerprint,
        "version": plan.version,
    }
