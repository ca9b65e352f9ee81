"""Return the queue or group that somebody names, or raise the refusal."""

from __future__ import annotations

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from vhosts.models import DeadLetterGroup, Queue


def access_group(user: AnyUser, group_id: int, permission: Permission) -> DeadLetterGroup:
    """Return the group with its broker and the broker's status. Raises Http404 outside the user's scope,
    NotAllowed inside it without the right."""
    groups = DeadLetterGroup.objects.visible_to(user).select_related("broker__status")
    found: DeadLetterGroup | None = groups.filter(pk=group_id).first()
    if found is None:
        raise Http404("Group not found.")
    require(user, permission, found.broker, found.vhost)
    return found


def queue_of(group: DeadLetterGroup) -> Queue:
    """Return the queue that holds a group. Raises Http404 if it is gone."""
    rows = Queue.objects.present().filter(
        broker=group.broker_id, vhost=group.vhost, name=group.queue
    )
    queue = rows.select_related("broker__status").first()
    if queue is None:
        raise Http404("The queue is gone.")
    return queue
