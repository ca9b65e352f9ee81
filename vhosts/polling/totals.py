"""What a broker holds altogether, lowered at once by what a change took off it."""

from __future__ import annotations

from console.models import BrokerStatus


def take_off(broker_id: int, **counts: int | None) -> None:
    """Lowers the broker's totals. One that is not known stays so."""
    status = BrokerStatus.objects.get(broker=broker_id)
    lowered = {
        name: max(0, known - (count or 0))
        for name, count in counts.items()
        if (known := getattr(status, name)) is not None
    }
    BrokerStatus.objects.filter(broker=broker_id).update(**lowered)
