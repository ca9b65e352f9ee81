"""Return the queue or virtual host that a person requests, or raise the refusal."""

from __future__ import annotations

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from vhosts.models import Queue, VirtualHost


def access_queue(user: AnyUser, queue_id: int, permission: Permission) -> Queue:
    """Return the queue with its broker and the broker's status loaded. Raises Http404 outside the
    user's scope, NotAllowed inside it if the right is missing."""
    queue = (
        Queue.objects.visible_to(user).select_related("broker__status").filter(pk=queue_id).first()
    )
    if queue is None:
        raise Http404("Queue not found.")
    require(user, permission, queue.broker, queue.vhost)
    return queue


def access_vhost(user: AnyUser, vhost_id: int, permission: Permission) -> VirtualHost:
    """Like `access_queue`, for a virtual host."""
    vhost = (
        VirtualHost.objects.visible_to(user)
        .select_related("broker__status")
        .filter(pk=vhost_id)
        .first()
    )
    if not isinstance(vhost, VirtualHost):
        raise Http404("Virtual host not found.")
    require(user, permission, vhost.broker, vhost.name)
    return vhost
