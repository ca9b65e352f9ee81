"""Panels about policies for the pages of other kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.faces.drawing import Panel
from vhosts.policies.in_force import of_exchange


def _of_exchange(row: Any) -> Mapping[str, Any]:
    # Who may see the exchange may not see policies, so only those that apply to it are named.
    return {"force": of_exchange(row, names_policies=False)}


#: For the page of an exchange: what is in force on it. Two queries.
EXCHANGE_IN_FORCE = Panel(template="vhosts/_in_force.html", context=_of_exchange)
