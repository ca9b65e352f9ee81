from __future__ import annotations

from allauth.account.forms import ChangePasswordForm
from django import forms
from django.db import transaction

from accessctl.tokens.service import revoke_tokens_of


class OwnPasswordForm(ChangePasswordForm):  # type: ignore[misc]
    """Changing one's own password (ACCOUNT_FORMS). One's tokens stay, unless asked otherwise: who knows
    the old password can't have used it to make one unseen, as they are listed."""

    revoke_tokens = forms.BooleanField(
        required=False, widget=forms.CheckboxInput({"class": "form-check-input"})
    )

    def save(self) -> None:
        with transaction.atomic():
            super().save()
            if self.cleaned_data["revoke_tokens"]:
                revoke_tokens_of(self.user, acting_user=self.user)
