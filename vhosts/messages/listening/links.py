"""Links to the page that listens."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.models import Broker


def listen_url(user: AnyUser, broker: Broker, vhost: str, **of: str) -> str:
    """Return the address of the page that listens to `exchange=` or `queue=`; "" without the
    right."""
    if not may(user, Permission.MESSAGES_VIEW, broker, vhost):
        return ""
    return f"{reverse('listen')}?{urlencode({'broker': broker.pk, 'vhost': vhost, **of})}"
