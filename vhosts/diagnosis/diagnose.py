"""Apply every rule to what is stored."""

from __future__ import annotations

from datetime import datetime

from accessctl.authorize import AnyUser, may, may_somewhere
from console.scope import Scope
from vhosts.diagnosis.finding import Diagnosis, Finding, Unjudged
from vhosts.diagnosis.ground import Ground
from vhosts.diagnosis.rules import RULES


def diagnose(scope: Scope, viewer: AnyUser, now: datetime, *, rule: str = "") -> Diagnosis:
    """Return what the rules find in a scope, the worst harm first, within the viewer's reach and
    rights. `rule`: only this one. The number of queries doesn't depend on the number of objects."""
    ground = Ground(viewer, scope.enabled_brokers(viewer), scope.vhost, now)
    found = Diagnosis(brokers=len(ground.brokers))
    for one in RULES:
        if rule and one.name != rule:
            continue
        missing = [right for right in one.rights if not may(viewer, right)]
        if missing:
            found.hidden.setdefault(missing[0], []).append(one)
            continue
        found.rules += 1
        fit = []
        for broker in ground.brokers:
            whys = (ground.why_unknown(broker, need) for need in one.needs)
            if why := next(filter(None, whys), ""):
                found.unjudged.append(Unjudged(one, broker, why))
            else:
                fit.append(broker)
        judged = sorted(
            one.judge(ground, one, fit) if fit else (),
            key=lambda finding: (-finding.weight, finding.broker.name, finding.vhost),
        )
        for finding in judged:
            _finish(finding, ground, viewer)
            (found.ignored if finding.ignored else found.findings).append(finding)
    return found


def _finish(finding: Finding, ground: Ground, viewer: AnyUser) -> None:
    """Note whether the finding is ignored, and drop fixes that the viewer may not do."""
    place = (finding.rule.name, finding.broker.pk, finding.vhost, "")
    finding.ignored = ground.ignored.get(place)
    finding.fixes = tuple(
        fix
        for fix in finding.fixes
        if (
            may(viewer, fix.right, finding.broker, finding.vhost)
            if finding.vhost
            else may_somewhere(viewer, fix.right, finding.broker)
        )
    )
