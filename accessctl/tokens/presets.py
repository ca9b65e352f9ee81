"""Presets of a token's permissions, as few as possible: most tokens read, some deploy, few need
everything."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from accessctl.grants.roles import PERMISSIONS_OF, Role
from accessctl.rights import Permission

_READ = PERMISSIONS_OF[Role.VIEWER]
#: What a pipeline needs to apply files or create what an application needs; it can't delete
#: virtual hosts.
_DEPLOY = _READ | {
    Permission.BINDINGS_EDIT, Permission.CHANGES_STOP, Permission.DEFINITIONS_EXPORT, Permission.DEFINITIONS_IMPORT,
    Permission.EXCHANGES_EDIT, Permission.PARAMETERS_EDIT, Permission.PERMISSIONS_EDIT, Permission.POLICIES_EDIT, Permission.QUEUES_EDIT,
    Permission.USERS_EDIT, Permission.VHOSTS_CREATE, Permission.VHOSTS_EDIT,
}  # fmt: skip


class Preset(StrEnum):
    """The choices of the form; the first is the default."""

    READ = "read"
    DEPLOY = "deploy"
    FULL = "full"
    CUSTOM = "custom"


LABELS = {
    Preset.READ: "Read only: view brokers, queues, users, permissions and changes",
    Preset.DEPLOY: "Deploy: also create and edit virtual hosts, what is in them, users, permissions and policies, and import definitions",
    Preset.FULL: "Full: everything you can do, now and later",
    Preset.CUSTOM: "Selected permissions",
}


def scopes_of(preset: Preset, selected: Collection[str]) -> list[str] | None:
    """Return the token's scopes; None for no limit except its owner's permissions."""
    match preset:
        case Preset.READ:
            return sorted(_READ)
        case Preset.DEPLOY:
            return sorted(_DEPLOY)
        case Preset.FULL:
            return None
        case Preset.CUSTOM:
            return sorted(selected)
