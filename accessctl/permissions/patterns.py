"""The three patterns of a permission, and what is checked of them before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accessctl.patterns.check import dialect_of, why_not_pattern
from console.errors import InvalidField
from console.models import Broker


@dataclass(frozen=True, slots=True)
class Patterns:
    """Regular expressions on names, in RabbitMQ's dialect. Empty matches nothing."""

    configure: str
    write: str
    read: str

    def spec(self, broker: Broker) -> dict[str, Any]:
        """Raises InvalidField for what the broker would not take."""
        spec = {"configure": self.configure, "write": self.write, "read": self.read}
        check_patterns(spec, broker)
        return spec


#: The usual sets of rights, for pages and the API.
PRESETS: Mapping[str, Patterns] = {
    "full": Patterns(".*", ".*", ".*"),
    "read only": Patterns("^$", "^$", ".*"),
    "write only": Patterns("^$", ".*", "^$"),
    "none": Patterns("^$", "^$", "^$"),
}


def check_patterns(patterns: Mapping[str, Any], broker: Broker) -> None:
    """Refuses what the broker should not be sent; what only it can judge is left to it. Raises
    InvalidField."""
    dialect = dialect_of(broker.status.erlang_version)
    for field, pattern in patterns.items():
        if not isinstance(pattern, str):
            raise InvalidField(field, f"{field} must be text.")
        if reason := why_not_pattern(pattern, dialect):
            raise InvalidField(field, f"{field.capitalize()}: {reason}")
