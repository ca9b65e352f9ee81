"""How dense Fleet is: large tiles, compact ones or a table. The choice is kept for each person."""

from __future__ import annotations

from django.http import HttpRequest

from accessctl.authorize import AnyUser
from console.errors import InvalidField
from vhosts.models import FleetDensity

TILES, COMPACT, TABLE = FleetDensity.Density.values
LABELS = dict(FleetDensity.Density.choices)
#: Without a choice: compact tiles from this many brokers on.
_MANY = 13


def chosen(request: HttpRequest, brokers: int) -> str:
    """Return the density that the URL names (`view`), else the one that the person chose, else
    what suits this many brokers."""
    asked = request.GET.get("view", "")
    if asked in LABELS:
        return asked
    kept = (
        FleetDensity.objects.filter(user=request.user.pk).values_list("density", flat=True).first()
    )
    return kept or (COMPACT if brokers >= _MANY else TILES)


def keep(user: AnyUser, density: str) -> None:
    """Keep the person's choice. Raises InvalidField."""
    if density not in LABELS:
        raise InvalidField("density", f"density must be one of {', '.join(LABELS)}.")
    FleetDensity.objects.update_or_create(pk=user.pk, defaults={"density": density})
