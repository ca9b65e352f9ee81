"""How parameters without a kind of their own, and global parameters, are listed, shown and
changed."""

from __future__ import annotations

import json
from typing import Any

from accessctl.rights import Permission
from console.faces.drawing import Fact, Input
from console.faces.face import Face, Intent, Rights, Rules
from console.faces.lists import Column, Filter, ListSpec, contains
from console.faces.mirror import Mirror
from console.faces.objects import cells
from console.kinds.global_parameter import GLOBAL_PARAMETER
from console.kinds.parameter import PARAMETER
from vhosts.models import GlobalParameter, Parameter
from vhosts.parameters.form import GLOBAL_PARAMETER_FORM, PARAMETER_FORM
from vhosts.parameters.rules import check, check_component

_VALUE = Input(
    name="value",
    label="Value",
    help="Any JSON value. Passwords in URIs are written, never read; a URI without username and "
    "password keeps those on the broker.",
)
_NAME = Input(name="name", label="Name", help="1 to 255 bytes. A name can't be changed later.")
_MIRROR = Mirror(to_spec=lambda row: {"value": row.value})


def written(row: Any) -> str:
    """Return the value as JSON."""
    return json.dumps(row.value, ensure_ascii=False)


def value_column() -> Column:
    """Return the column of the value."""
    return Column(
        key="value",
        label="Value",
        value=written,
        cell=lambda row: (
            cells.table(row.value) if isinstance(row.value, dict) else cells.name(written(row), 60)
        ),
    )


def searched(*names: str) -> Filter:
    """Return the filter by a part of a name."""
    return Filter(key="search", label="Name", where=contains(*names), help="Part of the name.")


def needs(intent: Intent) -> list[Permission]:
    """Return the rights to change a parameter: a URI in it makes the broker connect elsewhere."""
    values = [spec for spec in (intent.before, intent.after) if spec is not None]
    if any(PARAMETER.reaches_elsewhere((), spec) for spec in values):
        return [Permission.BROKERS_EDIT]
    return [Permission.PARAMETERS_EDIT]


PARAMETERS = Face(
    kind=PARAMETER,
    model=Parameter,
    rights=Rights(
        view=Permission.PARAMETERS_VIEW,
        create=Permission.PARAMETERS_EDIT,
        edit=Permission.PARAMETERS_EDIT,
        delete=Permission.PARAMETERS_EDIT,
    ),
    slug="parameters",
    listing=ListSpec(
        name="parameters",
        default_sort="name",
        tiebreak=("broker__name", "vhost", "component", "id"),
        columns=[
            cells.name_column(),
            Column(
                key="component",
                label="Component",
                order=["component", "name"],
                value=lambda row: row.component,
                cell=lambda row: cells.name(row.component),
            ),
            cells.vhost_column(),
            cells.broker_column(),
            value_column(),
            cells.sync_column(),
        ],
        filters=[searched("name", "component")],
    ),
    inputs=(
        Input(name="component", label="Component", help="The part of a plugin that reads it."),
        Input(name="vhost", label="Virtual host", help="The virtual host.", offers="vhosts"),
        _NAME,
        _VALUE,
    ),
    form=PARAMETER_FORM,
    facts=(Fact(label="Value", cell=lambda row: cells.code(written(row))),),
    rules=Rules(check=check_component),
    mirror=_MIRROR,
    needs=needs,
    tab_of="shovel",
    icon="wrench",
    about="Settings in virtual hosts that plugins read, without shovels, federation, limits and policies.",
    empty="Plugins may keep settings here. Shovels, federation, limits and policies have lists of their own.",
)
GLOBAL_PARAMETERS = Face(
    kind=GLOBAL_PARAMETER,
    model=GlobalParameter,
    rights=Rights(
        view=Permission.PARAMETERS_VIEW,
        create=Permission.BROKERS_EDIT,
        edit=Permission.BROKERS_EDIT,
        delete=Permission.BROKERS_EDIT,
    ),
    slug="global-parameters",
    listing=ListSpec(
        name="global-parameters",
        default_sort="name",
        tiebreak=("broker__name", "id"),
        columns=[cells.name_column(), cells.broker_column(), value_column(), cells.sync_column()],
        filters=[searched("name")],
    ),
    inputs=(_NAME, _VALUE),
    form=GLOBAL_PARAMETER_FORM,
    facts=(Fact(label="Value", cell=lambda row: cells.code(written(row))),),
    rules=Rules(check=check),
    mirror=_MIRROR,
    tab_of="shovel",
    icon="wrench",
    about="Settings of a whole broker that plugins and tools read. RabbitMQ keeps the cluster's name and ID here.",
    empty="Plugins and tools may keep settings of the whole broker here.",
)
