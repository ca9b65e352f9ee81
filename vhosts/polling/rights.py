"""Say what a broker hides because its user lacks a right.

RabbitMQ refuses some lists. From others, it silently omits virtual hosts in which the user has no
permission, unless the user is an administrator.
"""

from __future__ import annotations

from console.rabbitmq.errors import AccessRefused
from console.rabbitmq.text import printable
from console.rabbitmq.types import Whoami

_REMEDY = (
    "Give it a permission in every virtual host (three empty patterns are enough), "
    "or the tag administrator."
)
#: Parts that monitoring users can read.
_MONITORED = ("nodes", "alarms")
#: Parts that policymakers can read.
_OF_POLICYMAKERS = (
    "shovels", "federation_upstreams", "federation_upstream_sets", "parameters", "global_parameters",
)  # fmt: skip


def refused(part: str, user: str, error: AccessRefused) -> str:
    """Return a sentence for a part that RabbitMQ refuses to list."""
    tag = "monitoring" if part in _MONITORED else "administrator"
    if part in _OF_POLICYMAKERS:
        tag = "policymaker or administrator"
    said = f" ({error.detail})" if error.detail else ""
    return (
        f"RabbitMQ refuses to list its {part.replace('_', ' ')} for the user {printable(user, 80)}"
        f"{said}. They are unknown until it has the tag {tag}."
    )


def short_of(user: Whoami, listed: int, counted: int) -> str:
    """Return a sentence for a listing of `listed` queues if the broker counts `counted`; "" for an
    administrator, who sees everything."""
    if "administrator" in user.tags:
        return ""
    shown = "none" if not listed else f"only {listed:,}"
    return (
        f"RabbitMQ counts {counted:,} queues and lists {shown} of them for the user "
        f"{printable(user.name, 80)}: it lacks a permission in some virtual hosts. {_REMEDY}"
    )


def without_hidden(user: str, hidden: int, vhosts: int) -> str:
    """Return a sentence for a listing that omits `hidden` of the broker's virtual hosts."""
    return (
        f"RabbitMQ doesn't list what is in {hidden:,} of {vhosts:,} virtual hosts for the user "
        f"{printable(user, 80)}: it has no permission there. {_REMEDY}"
    )
