"""Who may move messages from where to where. Judged when a job is requested and when it runs."""

from __future__ import annotations

from accessctl.authorize import AnyUser, may, refusal
from accessctl.rights import Permission
from console.errors import NotAllowed
from console.models import Broker
from vhosts.messages.masking.service import hides_less
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.places import Mode, Place, Target


def missing_right(
    user: AnyUser, source: Place, target: Target | None, mode: str
) -> tuple[Permission, str] | None:
    """Return the right that is missing, and where ("source" or "target"); None if none is.

    Messages that leave their virtual host can be read there, so that needs the right to read them,
    and that no masking rule hides more of them here.
    """
    if not may(user, Permission.MESSAGES_MOVE, source.broker, source.vhost):
        return Permission.MESSAGES_MOVE, "source"
    if mode == Mode.DELETE or target is None:
        return None
    here = (target.broker.pk, target.vhost) == (source.broker.pk, source.vhost)
    reads = may(user, Permission.MESSAGES_READ, source.broker, source.vhost)
    if not here and (not reads or _lifts_masks(user, source, target)):
        return Permission.MESSAGES_READ, "source"
    if not any(
        may(user, one, target.broker, target.vhost)
        for one in (Permission.MESSAGES_PUBLISH, Permission.MESSAGES_MOVE)
    ):
        return Permission.MESSAGES_PUBLISH, "target"
    return None


def require_move(user: AnyUser, source: Place, target: Target | None, mode: str) -> None:
    """Raise NotAllowed if a right is missing."""
    if (missing := missing_right(user, source, target, mode)) is not None:
        reads = may(user, Permission.MESSAGES_READ, source.broker, source.vhost)
        if missing[0] == Permission.MESSAGES_READ and reads:
            raise NotAllowed(
                "Masking rules hide parts of these messages from you that wouldn't be hidden at the "
                "target. Ask somebody to whom the rules don't apply.",
                {"permission": str(missing[0])},
            )
        raise refusal(user, missing[0])


def _lifts_masks(user: AnyUser, source: Place, target: Target) -> bool:
    return hides_less(user, (source.broker, source.vhost), (target.broker, target.vhost))


def places_of(job: MessageJob) -> tuple[Place, Target | None]:
    source = Place(job.broker, job.vhost, job.queue)
    if job.target_broker is None:
        return source, None
    return source, Target(job.target_broker, job.target_vhost, job.target_exchange, job.target_key)


def may_control(user: AnyUser, job: MessageJob) -> bool:
    """Return whether the person may stop, pause or slow down the job."""
    return may(user, Permission.MESSAGES_MOVE, job.broker, job.vhost)


def target_of(user: AnyUser, broker_id: int) -> Broker | None:
    """Return an enabled broker that the person sees."""
    return (
        Broker.objects.visible_to(user)
        .select_related("status")
        .filter(pk=broker_id, enabled=True)
        .first()
    )
