"""Every route of Warren. Denied by default: LoginRequiredMiddleware protects every view without
@login_not_required, and tests/conventions lists each route with who may use it."""

from __future__ import annotations

from allauth.account import views as account_views
from allauth.account.decorators import secure_admin_login
from allauth.socialaccount import views as social_views
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from accessctl.people import password_views as passwords
from accessctl.people import security, single_sign_on
from console.pages.rest.unknown import Unknown

# The admin has no sign-in of its own, so rate limits and the other rules also apply to it.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("console.health.views")),
    path("", include("console.pages.urls")),
    path("definitions/", include("vhosts.definitions.urls")),
    path("alerts/", include("vhosts.alerts.pages.urls")),
    path("", include("vhosts.urls")),
    path("", include("accessctl.urls")),
    path("api/v1/", include("console.pages.rest.urls")),
    path("api/", Unknown.as_view(), name="api-root"),
    path("api/<path:rest>", Unknown.as_view(), name="api-unknown"),
    path("admin/", admin.site.urls),
    # The routes of allauth that an account created by an administrator needs.
    path("accounts/login/", account_views.login, name="account_login"),
    path("accounts/logout/", account_views.logout, name="account_logout"),
    path("accounts/password/", passwords.change_password, name="account_change_password"),
    path("accounts/confirm/", account_views.reauthenticate, name="account_reauthenticate"),
    # These two come before allauth's, which have the same addresses.
    path("accounts/2fa/", security.index, name="mfa_index"),
    path("accounts/2fa/totp/activate/", security.activate_totp, name="mfa_activate_totp"),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path(
        "accounts/oidc/<str:provider_id>/login/", single_sign_on.login, name="openid_connect_login"
    ),
    path(
        "accounts/oidc/<str:provider_id>/login/callback/",
        single_sign_on.callback,
        name="openid_connect_callback",
    ),
    path(
        "accounts/sso/cancelled/",
        social_views.login_cancelled,
        name="socialaccount_login_cancelled",
    ),
]
