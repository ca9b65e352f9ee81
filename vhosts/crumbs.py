from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from console.models import Broker


def crumbs(broker: Broker, vhost: str | None = None) -> list[tuple[str, str]]:
    """Return the breadcrumbs of a page's object as (label, URL): the broker, and the virtual
    host's queues."""
    found = [(broker.name, reverse("broker", args=[broker.pk]))]
    if vhost is not None:
        query = urlencode({"broker": broker.pk, "vhost": vhost})
        found.append((vhost, f"{reverse('queues')}?{query}"))
    return found
