from __future__ import annotations

from allauth.account.forms import ChangePasswordForm
from django import forms
from django.db import transaction

from accessctl.tokens.service import revoke_tokens_of


class OwnPasswordForm(ChangePasswordForm):  # type: ignore[misc]
    """Change one's own password (ACCOUNT_FORMS).

    Tokens stay unless the person chooses to revoke them. Whoever knows the old password can't have
    used it to create one unnoticed, because tokens are listed.
    """

    revoke_tokens = forms.BooleanField(
        required=False, widget=forms.CheckboxInput({"class": "form-check-input"})
    )

    def save(self) -> None:
        with transaction.atomic():
            super().save()
            if self.cleaned_data["revoke_tokens"]:
                revoke_tokens_of(self.user, acting_user=self.user)
