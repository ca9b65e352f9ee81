"""The link in a message by which alerts are acknowledged.

A signed token that names one delivery and nothing else. It opens a page with a button: opening it, as mail
scanners and chat previews do, changes nothing. It is good for LASTS, and only for the alerts of that
message that still fire. Whoever is signed in acts under their name and rights. Others can use it only where
the channel says so, and act as “link of <channel>”. It never gives another right, and shows nothing that
the message didn't say.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.core import signing
from django.urls import reverse

from console.faces.pages.links import absolute

LASTS: Final = timedelta(days=2)
_SALT: Final = "vhosts.alerts.acknowledge"


def link_of(delivery_id: int) -> str:
    return absolute(reverse("alert_link", args=[signing.dumps(delivery_id, salt=_SALT)]))


def delivery_of(token: str) -> int | None:
    """Return the ID of the delivery; None for a token that is forged or expired."""
    try:
        found = signing.loads(token, salt=_SALT, max_age=LASTS)
    except signing.BadSignature:
        return None
    return found if isinstance(found, int) else None
