"""Creating, editing and deleting RabbitMQ's users."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accessctl.authorize import may
from accessctl.models import BrokerUser
from accessctl.rights import Permission
from accessctl.targets import target_broker
from accessctl.users.access.ownership import why_not_edit_user
from accessctl.users.forms import UserForm
from accessctl.users.password import Password
from accessctl.users.rules import (
    create_user,
    delete_user,
    edit_user,
    user_objections,
    user_state,
)
from accessctl.users.selectors import access_broker_user
from console.errors import NotAllowed
from console.faces.acts.acts import Asked, carry_out, confirm
from console.models import Broker
from console.scope import Scope

_SECRETS = ("password", "password_hash", "sealed")
_KEPT_OPEN = "Open connections stay open."
_NEW_PASSWORD = f"{_KEPT_OPEN} New connections need the new password."
_NO_PASSWORD = f"{_KEPT_OPEN} New connections can't authenticate with a password."


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters(*_SECRETS)
def user_create(request: HttpRequest) -> HttpResponse:
    broker, brokers = target_broker(request, Permission.USERS_EDIT)
    back = f"{reverse('users')}?{urlencode({'broker': broker.pk})}"
    form = user_form(request, broker, None)

    def show(status: int) -> HttpResponse:
        return _form_page(request, form, broker, None, back, status, brokers=brokers)

    return carry_out(request, form, lambda: creation_asked(request, broker, form, back), show)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters(*_SECRETS)
def user_edit(request: HttpRequest, user_id: int) -> HttpResponse:
    found = _access(request, user_id)
    back = reverse("user", args=[found.pk])
    form = user_form(request, found.broker, found)

    def show(status: int) -> HttpResponse:
        return _form_page(request, form, found.broker, found, back, status)

    return carry_out(request, form, lambda: edit_asked(request, found, form, back), show)


@require_http_methods(["GET", "HEAD", "POST"])
def user_delete(request: HttpRequest, user_id: int) -> HttpResponse:
    found = _access(request, user_id)
    page = reverse("user", args=[found.pk])

    def ask() -> Asked:
        desired = delete_user(broker=found.broker, name=found.name, acting_user=request.user)
        return Asked(
            title=f"Delete the user {found.name}",
            desired_objects=[desired],
            act="Delete user",
            back=f"{reverse('users')}?{urlencode({'broker': found.broker_id})}",
            dies=user_objections(found.broker, found.name),
            typed=found.name if Scope.at(found.broker).is_production else "",
            danger=True,
        )

    return confirm(request, ask, page, broker=found.broker)


def _access(request: HttpRequest, user_id: int) -> BrokerUser:
    """Raises Http404 outside the person's scope, NotAllowed where this user is not theirs."""
    found = access_broker_user(request.user, user_id, Permission.USERS_VIEW)
    if reason := why_not_edit_user(request.user, found.broker, found.name):
        raise NotAllowed(reason, {"permission": str(Permission.USERS_EDIT)})
    return found


def user_form(request: HttpRequest, broker: Broker, user: BrokerUser | None) -> UserForm:
    """For a new user (None) or a present one, as far as the person may change it."""
    rights: dict[str, Any] = {
        "may_tag": may(request.user, Permission.USERS_TAG, broker),
        "may_limit": may(request.user, Permission.VHOSTS_LIMIT, broker),
        "seal_for": f"{request.user.pk} {broker.pk} {user.name if user else ''}",
    }
    if user is None:
        return UserForm(request.POST or None, **rights)
    current = user_state(broker, user.name)
    return UserForm(
        request.POST or None,
        spec=current.wanted or current.observed or {},
        generation=current.generation,
        **rights,
    )


def creation_asked(request: HttpRequest, broker: Broker, form: UserForm, back: str) -> Asked:
    """What a valid form for a new user asks for. Raises ConsoleError."""
    name = form.cleaned_data["name"]
    password = form.password_given()
    assert password is not None  # noqa: S101 – a new user's form does not offer to keep one
    desired = create_user(
        broker=broker,
        name=name,
        password=password,
        fields=form.wanted(),
        acting_user=request.user,
    )
    return Asked(
        title=f"Create the user {name}",
        desired_objects=[desired],
        act="Create user",
        back=back,
        warnings=["It has no permissions in any virtual host yet. Set permissions next."],
        once=form.generated,
    )


def edit_asked(request: HttpRequest, user: BrokerUser, form: UserForm, back: str) -> Asked:
    """What a valid form for a present user asks for. Raises ConsoleError."""
    password = form.password_given()
    desired = edit_user(
        broker=user.broker,
        name=user.name,
        fields=form.wanted(),
        password=password,
        acting_user=request.user,
        expected_generation=form.cleaned_data["generation"],
    )
    return Asked(
        title=f"Edit the user {user.name}",
        desired_objects=[desired],
        act="Edit user",
        back=back,
        warnings=_password_warnings(password),
        once=form.generated,
    )


def _password_warnings(password: Password | None) -> list[str]:
    """What a change of the password means for clients; nothing where it is kept."""
    if password is None:
        return []
    return [_NO_PASSWORD if password.none else _NEW_PASSWORD]


def _form_page(
    request: HttpRequest,
    form: UserForm,
    broker: Broker,
    user: BrokerUser | None,
    cancel: str,
    status: int,
    brokers: list[Broker] | None = None,
) -> HttpResponse:
    form.mark()
    context = {
        "form": form,
        "broker": broker,
        "brokers": brokers if brokers and len(brokers) > 1 else [],
        "found": user,
        "cancel": cancel,
        "scope": Scope.at(broker),
    }
    return render(request, "accessctl/user_form.html", context, status=status)
