from __future__ import annotations

from knox.auth import TokenAuthentication


class ApiTokenAuthentication(TokenAuthentication):
    """`Authorization: Bearer wrn_…`."""
