"""Set a first password by link, and change one's own password."""

from __future__ import annotations

from typing import Any

from allauth.account import views as account_views
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accessctl.access.forms import FirstPasswordForm
from accessctl.models import ApiToken
from accessctl.people.service import set_password_by_code
from accessctl.sessions.devices import remember_device
from console.errors import InvalidField
from console.faces.person import person_of


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code", "password1", "password2")
@sensitive_variables()
def first_password(request: HttpRequest) -> HttpResponse:
    """The page behind an administrator's link. It doesn't sign anybody in: the sign-in also
    requires the second factor, if there is one."""
    form = FirstPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_password_by_code(form.cleaned_data["code"], form.cleaned_data["password1"])
        except InvalidField as error:
            form.refuse(error)
        else:
            messages.success(request, "Your password is set. Log in with it.")
            return redirect("account_login")
    status = 400 if form.errors else 200
    response = render(request, "accessctl/first_password.html", {"form": form}, status=status)
    add_never_cache_headers(response)
    return response


def change_password(request: HttpRequest) -> HttpResponseBase:
    """Show allauth's page; for an account without a local password, a page that says so."""
    person = person_of(request)
    if not person.has_usable_password():
        return render(request, "accessctl/no_password.html")
    before = person.password
    answer: HttpResponseBase = _OwnPassword.as_view()(request)
    if person.password != before:
        remember_device(request, answer, person)
    return answer


class _OwnPassword(account_views.PasswordChangeView):  # type: ignore[misc]
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        count = ApiToken.objects.of(self.request.user).count()
        return {**super().get_context_data(**kwargs), "token_count": count}
