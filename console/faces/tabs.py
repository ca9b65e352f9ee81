"""Lists that are tabs of one page."""

from __future__ import annotations

from console.faces.face import Face, drawn_faces


def tabs_of(face: Face) -> list[tuple[str, str]]:
    """Return the tabs of the page that shows this list, itself included: labels and routes."""
    leading = face.tab_of or face.name
    faces = [one for one in drawn_faces() if leading in (one.name, one.tab_of)]
    tabs = [(one.kind.plural.capitalize(), one.route) for one in faces]
    return [*tabs, *(tab for one in faces for tab in one.beside)]
