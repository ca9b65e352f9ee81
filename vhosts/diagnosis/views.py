"""The page of findings, and the pages that ignore one."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import access_broker, may, require
from accessctl.rights import Permission
from console.brokers.observation import observe
from console.errors import ConsoleError, InvalidField
from console.faces.lists import read_scope
from console.scope import Scope
from vhosts.diagnosis.diagnose import diagnose
from vhosts.diagnosis.finding import HARMS, Diagnosis, Finding, Harm, Unjudged
from vhosts.diagnosis.ignore import (
    MOST_REASON,
    ignore,
    ignored_by,
    may_ignore,
    require_ignore,
    stop_ignoring,
)  # fmt: skip
from vhosts.diagnosis.rules import BY_NAME, RULES

#: Findings on one page: the worst. Filters reach the rest.
MOST = 300
_MOST_IGNORED = 200


@require_safe
def diagnosis(request: HttpRequest) -> HttpResponse:
    """Show what the rules find in scope, the worst harm first. Filters: `harm`, `rule`."""
    require(request.user, Permission.BROKERS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    harm, rule = request.GET.get("harm", ""), request.GET.get("rule", "")
    if (harm and harm not in HARMS) or (rule and rule not in BY_NAME):
        problems = [*problems, InvalidField("harm", "There is no such filter. All are shown.")]
        harm = rule = ""
    found = diagnose(scope, request.user, now) if not problems else Diagnosis()
    chosen = [
        one
        for one in found.findings
        if (not harm or one.rule.harm == harm) and (not rule or one.rule.name == rule)
    ]
    for one in chosen[:MOST]:
        one.ignorable = may_ignore(request.user, one.broker, one.vhost)
    counts = dict.fromkeys(Harm, 0)
    for finding in found.findings:
        counts[finding.rule.harm] += 1
    brokers = scope.enabled_brokers(request.user)
    context = {
        "now": now,
        "scope": scope,
        "scope_problems": problems,
        "found": found,
        "shown": chosen[:MOST],
        "total": len(chosen),
        "filters": [(one, HARMS[one], counts[one]) for one in Harm],
        "harm": harm,
        "rule": BY_NAME.get(rule),
        "unjudged": _grouped(found.unjudged),
        "ignored": _ignored(request, scope, found.ignored),
        "rules": RULES,
        "may_upgrade": may(request.user, Permission.BROKERS_VIEW),
        "observed": observe(brokers, "depths_at", now, parts=("queues", "policies")),
    }
    return render(request, "vhosts/diagnosis.html", context, status=400 if problems else 200)


def _grouped(rows: list[Unjudged]) -> list[dict[str, Any]]:
    """Return the rules that weren't applied, by reason, each with its brokers."""
    rows = sorted(rows, key=lambda one: (one.why, one.rule.title, one.broker.name))
    found = []
    for why, group in groupby(rows, key=lambda one: one.why):
        of = list(group)
        found.append(
            {
                "why": why,
                "rules": list(dict.fromkeys(one.rule.title for one in of)),
                "brokers": list({one.broker.pk: one.broker for one in of}.values()),
            }
        )
    return found


def _ignored(request: HttpRequest, scope: Scope, findings: list[Finding]) -> list[dict[str, Any]]:
    """Return the ignored findings in scope, and whether each is still found as a whole."""
    rows = ignored_by(request.user).filter(broker__in=scope.brokers(request.user))
    if scope.vhost is not None:
        rows = rows.filter(vhost=scope.vhost)
    there = {(one.rule.name, one.broker.pk, one.vhost) for one in findings}
    return [
        {
            "row": row,
            "rule": BY_NAME.get(row.rule),
            "found": bool(row.name) or (row.rule, row.broker_id, row.vhost) in there,
            "may": may_ignore(request.user, row.broker, row.vhost),
        }
        for row in rows[:_MOST_IGNORED]
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def finding_ignore(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Ask for the reason, then ignore `rule` in `vhost`, for all objects or for `name`."""
    broker = access_broker(request.user, broker_id, Permission.BROKERS_VIEW)
    vhost, name = request.GET.get("vhost", ""), request.GET.get("name", "")
    require_ignore(request.user, broker, vhost)
    rule = BY_NAME.get(request.GET.get("rule", ""))
    reason, error, status = request.POST.get("reason", ""), "", 200
    back = f"{reverse('diagnosis')}{Scope.at(broker).query()}"
    if rule is None:
        messages.error(request, "There is no rule of this name. Choose a finding.")
        return redirect(back)
    if request.method == "POST":
        try:
            ignore(
                broker, rule.name, vhost, name, reason, acting_user=request.user, now=timezone.now()
            )
        except ConsoleError as refused:
            error, status = refused.message, refused.http_status
        else:
            messages.success(request, "The finding is ignored. It is listed below the others.")
            return redirect(back)
    context = {
        "scope": Scope.at(broker, vhost or None),
        "broker": broker, "rule": rule, "vhost": vhost, "subject": name, "reason": reason,
        "error": error, "most": MOST_REASON, "back": back,
    }  # fmt: skip
    return render(request, "vhosts/finding_ignore.html", context, status=status)


@require_POST
def finding_heed(request: HttpRequest, ignored_id: int) -> HttpResponse:
    """Stop ignoring a finding."""
    row = stop_ignoring(ignored_id, acting_user=request.user)
    messages.success(request, "The finding isn't ignored any more.")
    return redirect(f"{reverse('diagnosis')}{Scope.at(row.broker).query()}")
