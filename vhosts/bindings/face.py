"""How bindings are mirrored."""

from __future__ import annotations

from accessctl.rights import Permission
from console.faces.face import Face, Rights
from console.faces.mirror import Mirror
from console.kinds.binding import BINDING
from vhosts.models import Binding

BINDINGS = Face(
    kind=BINDING,
    model=Binding,
    rights=Rights(
        view=Permission.QUEUES_VIEW,
        create=Permission.BINDINGS_EDIT,
        edit=Permission.BINDINGS_EDIT,
        delete=Permission.BINDINGS_EDIT,
    ),
    slug="bindings",
    mirror=Mirror(compared=False, searched=("source", "destination", "routing_key")),
)
