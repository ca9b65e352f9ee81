from __future__ import annotations

from typing import Any

# Imported so that they register before they are unregistered here.
import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accessctl.models import ApiToken
from accessctl.sessions.service import end_sessions_of
from accessctl.sessions.store import ref_of
from accessctl.tokens.service import revoke_token, revoke_tokens_of
from console.faces.admin.site import AuditedAdmin, SeenAdmin

# Email addresses aren't used. People and groups get audited admins. Second factors and single
# sign-on belong to their owners and to the settings: nobody may see or edit their secrets.
admin.site.unregister(
    [EmailAddress, User, Group, Authenticator, SocialAccount, SocialApp, SocialToken]
)


class PersonPasswordForm(AdminPasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "password2"
        ].help_text = "Saving ends the account's sessions and revokes its API tokens."


@admin.register(User)
class PersonAdmin(AuditedAdmin, UserAdmin):
    change_password_form = PersonPasswordForm

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 – Django's name for it
        form_url: str = "",
    ) -> HttpResponse:
        """Like the account's page: sessions end and tokens are revoked, so that whoever knew the
        old password keeps nothing."""
        with transaction.atomic():
            before = User.objects.select_for_update().filter(pk=unquote(id)).first()
            answer: HttpResponse = super().user_change_password(request, id, form_url)
            after = User.objects.filter(pk=before.pk).first() if before else None
            if before and after and before.password != after.password:
                keep = ref_of(request.session) if after.pk == request.user.pk else None
                end_sessions_of(after, acting_user=request.user, keep=keep)
                if revoked := revoke_tokens_of(after, acting_user=request.user):
                    messages.info(request, f"API tokens revoked: {revoked}.")
        return answer


@admin.register(Group)
class TeamAdmin(AuditedAdmin, GroupAdmin):
    pass


@admin.register(ApiToken)
class ApiTokenAdmin(SeenAdmin):
    """Only to revoke tokens. Their owners create them, and nobody may see a digest."""

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
