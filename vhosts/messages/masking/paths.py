"""JSON paths of masking rules: `$.card.number`, `$..iban`, `$.lines[*].price`, `$['odd name']`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(
    r"(?P<deep>\.\.)?\[(?:'(?P<single>[^']+)'|\"(?P<double>[^\"]+)\"|(?P<index>\d{1,9})|(?P<all>\*))\]"
    r"|(?P<dots>\.\.?)(?P<name>\*|[^.\[\]*'\"]+)"
)
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path. `key` None matches every key and position; an index is a key of digits.
    `deep`: at any depth below."""

    key: str | None
    deep: bool = False

    def matches(self, key: str) -> bool:
        """Return whether it matches a key, ignoring case: many programs read keys so."""
        return self.key is None or self.key == folded(key)


def folded(name: str) -> str:
    """Return a name without differences of case."""
    return name.strip().casefold()


def read_path(text: str) -> tuple[Step, ...]:
    """Return the steps; none for `$`, which is the whole body. Raises ValueError with a
    sentence."""
    given = text.strip()
    if not given.startswith("$") or len(given) > LONGEST:
        raise ValueError("A JSON path starts with $, such as $.card.number or $..iban.")
    steps, at = [], 1
    while at < len(given):
        found = _STEP.match(given, at)
        if found is None:
            raise ValueError(f"The JSON path can't be read from “{given[at : at + 20]}” on.")
        parts = found.groupdict()
        name = parts["single"] or parts["double"] or parts["index"] or parts["name"]
        everything = parts["all"] or name == "*"
        deep = ".." in (parts["deep"], parts["dots"])
        steps.append(Step(None if everything else folded(name), deep))
        at = found.end()
    return tuple(steps)
