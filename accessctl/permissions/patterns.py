"""The three patterns of a permission, and their checks before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accessctl.patterns.check import dialect_of, why_not_pattern
from console.errors import InvalidField
from console.models import Broker


@dataclass(frozen=True, slots=True)
class Patterns:
    """Regular expressions over names, in RabbitMQ's dialect. Empty matches nothing."""

    configure: str
    write: str
    read: str

    def spec(self, broker: Broker) -> dict[str, Any]:
        """Return the patterns as a spec. Raises InvalidField if the broker would refuse one."""
        spec = {"configure": self.configure, "write": self.write, "read": self.read}
        check_patterns(spec, broker)
        return spec


#: Common sets of patterns, for pages and the API.
PRESETS: Mapping[str, Patterns] = {
    "full": Patterns(".*", ".*", ".*"),
    "read only": Patterns("^$", "^$", ".*"),
    "write only": Patterns("^$", ".*", "^$"),
    "none": Patterns("^$", "^$", "^$"),
}


def check_patterns(patterns: Mapping[str, Any], broker: Broker) -> None:
    """Refuse patterns that are certainly invalid; the broker checks the rest. Raises
    InvalidField."""
    dialect = dialect_of(broker.status.erlang_version)
    for field, pattern in patterns.items():
        if not isinstance(pattern, str):
            raise InvalidField(field, f"{field} must be text.")
        if reason := why_not_pattern(pattern, dialect):
            raise InvalidField(field, f"{field.capitalize()}: {reason}")
