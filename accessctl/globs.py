"""Patterns of virtual host names, in which `*` matches any characters, including `/` and none.
Limited on purpose: no regular expression of a person is ever run."""

from __future__ import annotations

from typing import Any

from django.db.models import Lookup, TextField

EVERYTHING = "*"
MAX_BYTES = 255
#: More stars would only make matching expensive.
MAX_STARS = 5


def is_everything(pattern: str) -> bool:
    return pattern.strip("*") == ""


def matches(pattern: str, name: str) -> bool:
    """Return whether the whole name matches. The time is linear in the name's length for each
    part."""
    if is_everything(pattern):
        return True
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    *middle, last = rest
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        # The earliest match leaves the most room for the rest.
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def contains(outer: str, inner: str) -> bool:
    """Return whether `outer` matches every name that `inner` matches. It never wrongly returns
    True: a star of `inner`, read as a character, is only matched by a star of `outer`."""
    return matches(outer, inner) if not is_everything(inner) else is_everything(outer)


def fault(pattern: str) -> str:
    """Return what is wrong with a pattern, as a sentence; "" if nothing is."""
    if len(pattern.encode(errors="replace")) > MAX_BYTES:
        return f"A pattern has at most {MAX_BYTES} bytes."
    if not pattern.isprintable():
        return "A pattern can't contain control characters or invisible characters."
    if pattern.count("*") > MAX_STARS:
        return f"A pattern has at most {MAX_STARS} stars."
    return ""


@TextField.register_lookup
class Glob(Lookup):  # type: ignore[type-arg]
    """`matches` in SQL: `filter(vhost__glob="/team-*")`."""

    lookup_name = "glob"

    def get_prep_lookup(self) -> str:
        return self.like(str(self.rhs))

    @staticmethod
    def like(pattern: str) -> str:
        """Return the pattern for LIKE."""
        escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return escaped.replace("*", "%")

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        return f"{left} LIKE {right}", [*left_values, *right_values]
