"""Single sign-on: allauth's views, with a callback URL under CONSOLE_URL, as registered with the
provider, and not under the host in the request."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse

from console.faces.pages.links import absolute


class _Adapter(OpenIDConnectOAuth2Adapter):
    def get_provider(self) -> Any:
        provider = super().get_provider()
        provider.oauth2_adapter_class = type(self)
        return provider

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return absolute(reverse("openid_connect_callback", args=[self.provider_id]))


@login_not_required
def login(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    return _answer(OAuth2LoginView, request, provider_id)


@login_not_required
def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    return _answer(OAuth2CallbackView, request, provider_id)


def _answer(view: Any, request: HttpRequest, provider_id: str) -> HttpResponseBase:
    try:
        answer: HttpResponseBase = view.adapter_view(_Adapter(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404("Identity provider not found.") from None
    return answer
