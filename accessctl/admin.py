from __future__ import annotations

from typing import Any

# Imported so that they register before we take them out again.
import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from accessctl.models import ApiToken
from accessctl.services.tokens import revoke_token
from console.admin_site import AuditedAdmin, SeenAdmin

# E-mail addresses are not used; people and groups get an audit trail. Second factors and single
# sign-on are kept by their owners and by settings: their secrets are for nobody to see or edit.
admin.site.unregister(
    [EmailAddress, User, Group, Authenticator, SocialAccount, SocialApp, SocialToken]
)


@admin.register(User)
class PersonAdmin(AuditedAdmin, UserAdmin):
    pass


@admin.register(Group)
class TeamAdmin(AuditedAdmin, GroupAdmin):
    pass


@admin.register(ApiToken)
class ApiTokenAdmin(SeenAdmin):
    """To revoke. A token is made by its owner, and its digest is for nobody to see."""

    list_display = ("name", "user", "token_key", "created", "expiry", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "token_key")
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        revoke_token(obj, acting_user=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for token in queryset:
            revoke_token(token, acting_user=request.user)
