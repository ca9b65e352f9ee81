"""Ask for a revert as the pages and the API do, and apply it in this process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from console.engine.accept import accept
from console.engine.proposal import Proposal
from console.models import Change
from console.pages.reverts.inverse import Revert, revert_change, revert_since
from tests.engine import Engine, utc_now


def inverse(engine: Engine, change: Change, *, overwrite: bool = False) -> Revert:
    change.refresh_from_db()
    return revert_change(change, acting_user=engine.author, overwrite=overwrite)


def apply_revert(engine: Engine, found: Revert) -> Change:
    """Accept the revert and apply it. The change as it ended."""
    proposal = Proposal(
        title=found.title,
        desired_objects=found.desired_objects,
        origin="api",
        reverts=found.reverts,
        remarks=found.remarks,
    )
    change = accept(proposal, now=utc_now(), acting_user=engine.author)
    return finish(engine, change)


def finish(engine: Engine, change: Change) -> Change:
    for _ in range(5):
        engine.hurry()
        engine.apply()
        change.refresh_from_db()
        if change.finished_at is not None:
            break
    return change


def undo(engine: Engine, change: Change, **more: Any) -> Change:
    return apply_revert(engine, inverse(engine, change, **more))


def undo_since(engine: Engine, since: datetime, vhost: str | None = None) -> Change:
    found = revert_since(engine.broker, vhost, since, acting_user=engine.author, overwrite=False)
    return apply_revert(engine, found)
