from __future__ import annotations

import re

from django.conf import settings

from accessctl.grants.roles import PERMISSIONS_OF, Role
from accessctl.rights import EVERYBODYS, Permission


def test_the_table_of_docs_access_says_what_the_roles_hold() -> None:
    text = (settings.BASE_DIR / "docs" / "access.md").read_text()
    told = {
        name: [cell.strip() == "yes" for cell in cells.split("|")]
        for name, cells in re.findall(r"^\| `([a-z:]+)` \|((?:[^|]*\|){5})", text, re.MULTILINE)
    }
    told = {name: cells[:5] for name, cells in told.items()}
    assert told == {
        str(permission): [
            permission in PERMISSIONS_OF[role] or permission in EVERYBODYS for role in Role
        ]
        for permission in Permission
    }
