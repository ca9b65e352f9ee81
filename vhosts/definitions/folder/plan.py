"""Plan and apply a broker's folder, on the planner of imports."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from django.contrib.auth.models import User

from console.engine.proposal import Source
from console.models import Broker, Change
from vhosts.definitions.folder.read import read_folder
from vhosts.definitions.import_file import (
    ImportOptions,
    ImportPlan,
    accept_import,
    plan_definitions,
)
from vhosts.definitions.planning.ownership import Ownership, owners_on

Prune = Literal["", "owned", "all"]


def plan_folder(
    root: Path,
    *,
    broker: Broker,
    source: Source,
    options: ImportOptions,
    prune: Prune,
    take_over: bool,
    acting_user: User,
    now: datetime,
) -> ImportPlan:
    """Compare the broker's folder with the broker. Raises NotAllowed, InvalidField, BrokerTrouble."""
    folder = read_folder(root, broker.name, vhost=options.vhost)
    return plan_definitions(
        broker=broker,
        definitions=folder.definitions,
        options=options,
        acting_user=acting_user,
        now=now,
        ownership=Ownership(
            source=source,
            vhosts=folder.vhosts,
            whole_broker=folder.whole_broker,
            own_user=broker.username,
            prune=prune,
            take_over=take_over,
            vhost=options.vhost,
            owners=owners_on(broker),
        ),
    )


def apply_folder(
    plan: ImportPlan, source: Source, *, acting_user: User, now: datetime, reason: str
) -> Change | None:
    """Accept the plan as one change; None if there is nothing to do. Raises as accept_import."""
    return accept_import(
        plan,
        acting_user=acting_user,
        now=now,
        origin="command",
        reason=reason,
        title=f"Apply {source} to {plan.broker.name}",
    )
