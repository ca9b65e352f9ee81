"""How policies and operator policies are listed, shown and changed."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accessctl.rights import Permission
from console.faces.drawing import Fact, Input, ListPage
from console.faces.face import Face, Rights
from console.faces.lists import Column, Filter, ListSpec, contains, equals
from console.faces.objects import cells
from console.faces.templatetags._text import said
from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.policy import POLICY
from vhosts.models import OperatorPolicy, Policy
from vhosts.policies.counts import applied_cell, applied_column, context_of, note_counts
from vhosts.policies.form import own_form
from vhosts.policies.rules import rules_of
from vhosts.policies.what_if.notes import matching

_ABOUT = "A policy sets arguments of the queues and exchanges whose names match its pattern."
_ABOUT_OPERATOR = (
    "An operator policy limits what policies and arguments can set on matching queues."
)
_APPLY_TO = {
    "all": "Queues and exchanges",
    "queues": "Queues and streams",
    "classic_queues": "Classic queues",
    "quorum_queues": "Quorum queues",
    "streams": "Streams",
    "exchanges": "Exchanges",
}


def _applies_to(row: Any) -> str:
    return _APPLY_TO.get(row.apply_to, str(row.apply_to))


def _listing(name: str) -> ListSpec:
    return ListSpec(
        name=name,
        default_sort="name",
        tiebreak=("broker__name", "vhost", "id"),
        columns=[
            cells.name_column(),
            cells.vhost_column(),
            cells.broker_column(),
            Column(
                key="priority",
                label="Priority",
                order=["priority"],
                value=lambda row: row.priority,
                cell=lambda row: cells.number(row.priority),
                align="end",
                descending_first=True,
                help="The matching policy with the highest priority applies.",
            ),
            Column(
                key="pattern",
                label="Pattern",
                order=["pattern"],
                value=lambda row: row.pattern,
                cell=lambda row: cells.code(row.pattern),
            ),
            Column(
                key="apply_to",
                label="Apply to",
                order=["apply_to"],
                value=lambda row: row.apply_to,
                cell=_applies_to,
                shown=False,
            ),
            Column(
                key="definition",
                label="Definition",
                value=lambda row: ", ".join(f"{k}={v}" for k, v in row.definition.items()),
                cell=lambda row: cells.table(row.definition),
            ),
            applied_column(),
            cells.sync_column(),
        ],
        filters=[
            Filter(
                key="search",
                label="Name or pattern",
                where=contains("name", "pattern"),
                help="Part of the name or pattern.",
            ),
            Filter(
                key="apply_to",
                label="Apply to",
                kind="choice",
                choices=_APPLY_TO,
                where=equals("apply_to"),
            ),
        ],
    )


_INPUTS = (
    Input(
        name="vhost",
        label="Virtual host",
        help="A policy applies within one virtual host.",
        offers="vhosts",
    ),
    Input(name="name", label="Name", help="1 to 255 bytes. A name can't be changed later."),
    Input(
        name="pattern",
        label="Pattern",
        help="A regular expression over names, such as ^orders\\. – unanchored: it matches anywhere "
        "in a name. Empty matches everything.",
        widget="pattern",
        optional=True,
    ),
    Input(
        name="apply_to",
        label="Apply to",
        help="What the pattern is matched against. RabbitMQ: apply-to.",
        widget="choice",
        choices=_APPLY_TO,
    ),
    Input(
        name="priority",
        label="Priority",
        help="If several policies match, only the one with the highest priority applies.",
        widget="number",
    ),
    Input(
        name="definition",
        label="Definition",
        help="One key a line: max-length = 3000. Numbers, true, false and lists keep their type; "
        'anything else is text, and "3000" in quotes is text too.',
        widget="table",
    ),
)


def _matches(kind: str, row: Any) -> SafeString:
    spec = {name: getattr(row, name) for name in ("pattern", "apply_to", "priority", "definition")}
    _, found = matching(kind, row.broker, (row.vhost, row.name), spec)
    return format_html_join("", "<div>{}</div>", ((said(one),) for one in found))


def _in_force_on(kind: str, row: Any) -> Any:
    note_counts([row], kind)
    return applied_cell(row)


def _facts(kind: str) -> tuple[Fact, ...]:
    return (
        Fact(label="Pattern", cell=lambda row: cells.code(row.pattern)),
        Fact(label="Apply to", cell=_applies_to),
        Fact(label="Priority", cell=lambda row: cells.number(row.priority)),
        Fact(label="Definition", cell=lambda row: cells.table(row.definition)),
        Fact(label="In force on", cell=partial(_in_force_on, kind)),
        Fact(label="Matches", cell=partial(_matches, kind)),
    )


POLICIES = Face(
    kind=POLICY,
    model=Policy,
    rights=Rights(
        view=Permission.POLICIES_VIEW,
        create=Permission.POLICIES_EDIT,
        edit=Permission.POLICIES_EDIT,
        delete=Permission.POLICIES_EDIT,
    ),
    slug="policies",
    listing=_listing("policies"),
    list_page=ListPage(context=context_of("policy")),
    inputs=_INPUTS,
    form=own_form(POLICY.name, _ABOUT),
    facts=_facts(POLICY.name),
    rules=rules_of(POLICY.name),
    icon="adjustments-horizontal",
    about=_ABOUT,
    empty=_ABOUT,
)
OPERATOR_POLICIES = Face(
    kind=OPERATOR_POLICY,
    model=OperatorPolicy,
    rights=Rights(
        view=Permission.POLICIES_VIEW,
        # It bounds what a virtual host's administrators may set.
        create=Permission.BROKERS_EDIT,
        edit=Permission.BROKERS_EDIT,
        delete=Permission.BROKERS_EDIT,
    ),
    slug="operator-policies",
    listing=_listing("operator-policies"),
    list_page=ListPage(context=context_of("operator_policy")),
    inputs=_INPUTS,
    form=own_form(OPERATOR_POLICY.name, _ABOUT_OPERATOR),
    facts=_facts(OPERATOR_POLICY.name),
    rules=rules_of(OPERATOR_POLICY.name),
    tab_of="policy",
    icon="adjustments-vertical",
    about=_ABOUT_OPERATOR,
    empty=_ABOUT_OPERATOR,
)
