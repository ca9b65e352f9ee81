"""Curves of a tile as paths of an SVG, 100 wide. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class Curve:
    """`line` and `area` are the `d` of two paths; both "" if nothing is known."""

    line: str = ""
    area: str = ""


def curve(values: Sequence[float | None], peak: float, *, base: float, height: float) -> Curve:
    """Return the curve of `values` from `base` up to `height` above it at `peak`; a negative height
    draws downwards. None is a gap."""
    step = WIDTH / max(len(values) - 1, 1)
    lines, areas = [], []
    for run in _runs(values):
        points = [
            f"{place * step:.1f} {base - height * value / (peak or 1):.1f}" for place, value in run
        ]
        first, last = run[0][0] * step, run[-1][0] * step
        if len(points) == 1:  # a dot between two gaps
            points *= 2
        lines.append("M" + "L".join(points))
        areas.append(f"M{first:.1f} {base:g}L{'L'.join(points)}L{last:.1f} {base:g}Z")
    return Curve("".join(lines), "".join(areas))


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run
