"""The queue or virtual host somebody asks for, ready to use, or the refusal."""

from __future__ import annotations

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from vhosts.models import Queue, VirtualHost


def access_queue(user: AnyUser, queue_id: int, permission: Permission) -> Queue:
    """With its broker and that broker's status. Http404 outside the user's scope, NotAllowed
    inside it without the right."""
    queue = (
        Queue.objects.visible_to(user).select_related("broker__status").filter(pk=queue_id).first()
    )
    if queue is None:
        raise Http404("Queue not found.")
    require(user, permission, queue.broker, queue.vhost)
    return queue


def access_vhost(user: AnyUser, vhost_id: int, permission: Permission) -> VirtualHost:
    """As `access_queue`."""
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
