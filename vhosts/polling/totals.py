"""Lower a broker's totals at once after a change deleted something."""

from __future__ import annotations

from console.models import BrokerStatus


def take_off(broker_id: int, **counts: int | None) -> None:
    """Lower the broker's totals by these counts. An unknown total stays unknown."""
    status = BrokerStatus.objects.get(broker=broker_id)
    lowered = {
        name: max(0, known - (count or 0))
        for name, count in counts.items()
        if (known := getattr(status, name)) is not None
    }
    BrokerStatus.objects.filter(broker=broker_id).update(**lowered)
