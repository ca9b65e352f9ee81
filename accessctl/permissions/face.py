"""How permissions and topic permissions are listed, mirrored, compared and changed. They have their
own forms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from accessctl.models import BrokerPermission, BrokerTopicPermission
from accessctl.patterns.notes import pattern_notes
from accessctl.permissions.api import PERMISSIONS_API, TOPICS_API
from accessctl.permissions.lists import PERMISSIONS as LISTED
from accessctl.permissions.lists import TOPIC_PERMISSIONS as TOPICS_LISTED
from accessctl.permissions.lists import page_of
from accessctl.permissions.patterns import check_patterns
from accessctl.rights import Permission
from console.faces.face import Face, Rights, Rules
from console.faces.mirror import Mirror, Reading
from console.kinds.common.kind import Key
from console.kinds.permission import PERMISSION
from console.kinds.registry import TOPIC_PERMISSION
from console.models import Broker

_RIGHTS = Rights(
    view=Permission.PERMISSIONS_VIEW,
    create=Permission.PERMISSIONS_EDIT,
    edit=Permission.PERMISSIONS_EDIT,
    delete=Permission.PERMISSIONS_EDIT,
)
_ABOUT = "What RabbitMQ users can do in virtual hosts, from the last inventory of each broker."


def _check_changed(broker: Broker, key: Key, fields: Mapping[str, Any]) -> None:
    check_patterns(fields, broker)


PERMISSIONS = Face(
    kind=PERMISSION,
    model=BrokerPermission,
    rights=_RIGHTS,
    slug="permissions",
    listing=LISTED,
    list_page=page_of("permissions"),
    about=_ABOUT,
    rules=Rules(check_changed=_check_changed, notes_of_many=partial(pattern_notes, topic=False)),
    mirror=Mirror(
        reading=Reading(
            items=lambda client: client.permissions(),
            row=lambda row, _: (row.vhost, row.user, row.configure, row.write, row.read),
        )
    ),
    api=PERMISSIONS_API,
)
TOPIC_PERMISSIONS = Face(
    kind=TOPIC_PERMISSION,
    model=BrokerTopicPermission,
    rights=_RIGHTS,
    slug="topic-permissions",
    tab_of=PERMISSION.name,
    listing=TOPICS_LISTED,
    list_page=page_of(TOPIC_PERMISSION.section.name),
    about=_ABOUT,
    rules=Rules(check_changed=_check_changed, notes_of_many=partial(pattern_notes, topic=True)),
    api=TOPICS_API,
)
