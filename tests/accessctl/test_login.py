from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from accessctl.authorize import allowed
from accessctl.models import ApiToken
from accessctl.rights import EVERYBODYS, Permission
from accessctl.sessions import devices
from accessctl.tokens.service import create_token
from console.models import AuditEntry
from tests.accessctl.cast import PASSWORD

LOGIN = "/accounts/login/"


def _try(client: Client, name: str, password: str, address: str = "192.0.2.1") -> Any:
    return client.post(LOGIN, {"login": name, "password": password}, REMOTE_ADDR=address)


# --- Throttling ---


def _limit(settings: Any, action: str, rate: str) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, action: rate}


def _is_in(answer: Any) -> bool:
    return "_auth_user_id" in answer.client.session


def test_guessing_at_one_account_stops_from_every_address(cast, settings) -> None:
    assert settings.ACCOUNT_RATE_LIMITS["login_account_password"] == "100/h/key"
    _limit(settings, "login_account_password", "20/h/key")
    for number in range(20):
        answer = _try(Client(), "alice", f"guess {number}", f"192.0.2.{number + 1}")
        assert answer.status_code == 200
    # Even the right password, and even from elsewhere: a guesser learns nothing more.
    answer = _try(Client(), "ALICE", PASSWORD, "198.51.100.1")
    assert "Too many failed attempts" in answer.content.decode()
    answer = _try(Client(), "alice", PASSWORD, "198.51.100.1")
    assert "Too many failed attempts" in answer.content.decode()
    assert not _is_in(answer)
    assert _is_in(_try(Client(), "bob", PASSWORD, "198.51.100.1"))


def test_five_wrong_passwords_keep_out_their_address_and_nobody_else(cast) -> None:
    for number in range(5):
        _try(Client(), "alice", f"guess {number}", "192.0.2.1")
    assert not _is_in(_try(Client(), "alice", PASSWORD, "192.0.2.1"))
    # Another spelling of the name, or another address of the same network, gets no more.
    for number in range(1, 6):
        _try(Client(), "ALICE" if number % 2 else "alice", "guess", f"2001:db8::{number}")
    assert not _is_in(_try(Client(), "alice", PASSWORD, "2001:db8::99"))
    assert _is_in(_try(Client(), "alice", PASSWORD, "198.51.100.1"))


def test_a_browser_that_has_signed_in_before_gets_in_while_others_guess(cast, settings) -> None:
    _limit(settings, "login_account_password", "20/h/key")
    browser = Client()
    answer = _try(browser, "alice", PASSWORD, "192.0.2.77")
    cookie = next(c for name, c in answer.cookies.items() if name.startswith("warren_device_"))
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/accounts/"
    assert cookie["max-age"] > 90 * 24 * 3600
    assert "alice" not in cookie.key + cookie.value
    browser.post("/accounts/logout/")
    # From its own address and from everywhere: the address is shut out, and so is the account.
    for number in range(20):
        _try(Client(), "alice", "guess", f"192.0.2.{number + 1}")
    for _ in range(10):
        _try(Client(), "bob", "guess", "192.0.2.77")
    assert not _is_in(_try(Client(), "alice", PASSWORD, "192.0.2.77"))
    assert _is_in(_try(browser, "alice", PASSWORD, "192.0.2.77"))
    browser.post("/accounts/logout/")
    # It's known to that account only, and not beyond its own guesses.
    assert not _is_in(_try(browser, "bob", PASSWORD, "192.0.2.77"))
    for _ in range(10):
        _try(browser, "alice", "guess", "203.0.113.1")
    assert not _is_in(_try(browser, "alice", PASSWORD, "203.0.113.1"))


def test_a_device_cookie_is_no_use_forged_for_another_or_after_a_new_password(cast) -> None:
    browser = Client()
    _try(browser, "alice", PASSWORD, "192.0.2.77")
    name = next(name for name in browser.cookies if name.startswith("warren_device_"))
    value = browser.cookies[name].value

    def is_known(username: str, sent: str) -> bool:
        request = RequestFactory().post(LOGIN)
        request.COOKIES = {devices._cookie(username): sent}
        return devices.known_device(request, username) is not None

    assert is_known("alice", value)
    assert is_known("Alice", value)
    assert not is_known("bob", value)
    for forged in ("", "x", value[:-1], value[1:], signing.dumps([cast.alice.pk, "a", "b"])):
        assert not is_known("alice", forged)
    browser.post(
        "/accounts/password/",
        {"oldpassword": PASSWORD, "password1": "battery staple horse", "password2": "battery staple horse"},
    )  # fmt: skip
    assert not is_known("alice", value), "somebody else's browser may hold it"
    assert is_known("alice", browser.cookies[name].value), "the one that changed it stays known"


def test_a_flood_of_guesses_does_not_push_out_the_counts(cast, settings) -> None:
    for _ in range(5):
        _try(Client(), "alice", "guess", "192.0.2.1")
    cache.set_many({f"guess {number}": number for number in range(400)}, 300)
    assert not _is_in(_try(Client(), "alice", PASSWORD, "192.0.2.1"))


def test_guessing_from_one_address_stops_for_every_account(cast) -> None:
    for number in range(10):
        _try(Client(), f"nobody{number}", "guess")
    assert "_auth_user_id" not in _try(Client(), "alice", PASSWORD).client.session
    assert "_auth_user_id" in _try(Client(), "alice", PASSWORD, "192.0.2.99").client.session


def test_the_count_is_shared_by_all_processes(cast, settings) -> None:
    assert "DatabaseCache" in settings.CACHES["default"]["BACKEND"]
    _try(Client(), "alice", "guess")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM console_cache")
        assert cursor.fetchone()[0] > 0


def test_an_unknown_account_is_answered_like_a_known_one(cast) -> None:
    User.objects.filter(username="bob").update(is_active=False)
    answers = [
        _try(Client(), name, "wrong").content.decode().replace(name, "X")
        for name in ("alice", "nosuch", "bob")
    ]
    said = [text[text.index("<form") :].split("</form>")[0] for text in answers]
    said = [text.split('name="csrfmiddlewaretoken"')[1].split(">", 1)[1] for text in said]
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize(
    "leads", ["//evil.example", "/\\evil.example", "https:evil.example", "http://evil.example/", "javascript:1"]
)  # fmt: skip
def test_the_way_on_stays_here(cast, leads) -> None:
    client = Client()
    answer = client.post(LOGIN, {"login": "alice", "password": PASSWORD, "next": leads})
    assert answer.status_code == 302
    assert "evil" not in answer["Location"]
    assert "javascript" not in answer["Location"]


# --- A second factor ---


def _with_totp(client: Client, **sent: str) -> str:
    """Sets up an authenticator app through the pages; its key. `sent` goes with the code."""
    address = "/accounts/2fa/totp/activate/"
    confirm = client.get(address)["Location"]
    assert confirm.startswith("/accounts/confirm/")
    assert client.get(confirm).status_code == 200
    assert client.post(confirm, {"password": "wrong"}).status_code == 200
    assert client.get(address).status_code == 302
    client.post(confirm, {"password": PASSWORD})
    page = client.get(address)
    assert page.status_code == 200
    secret = page.context["form"].secret
    code = totp.format_hotp_value(
        totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time()))
    )
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code, **sent})
    assert answer.status_code == 302, answer.content
    return secret


def test_a_second_factor_is_asked_for_once_set_up_and_a_recovery_code_stands_in(
    cast, django_capture_on_commit_callbacks
) -> None:
    client = Client()
    _try(client, "alice", PASSWORD)
    with django_capture_on_commit_callbacks(execute=True):
        secret = _with_totp(client)
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    page = client.get("/accounts/2fa/recovery-codes/")
    code = page.context["unused_codes"][0]
    assert code in page.content.decode()
    assert AuditEntry.objects.filter(action="factors:add", username="alice").count() == 2

    other = Client()
    answer = _try(other, "alice", PASSWORD)
    assert answer.status_code == 302
    assert "2fa" in answer["Location"]
    assert other.get("/access/").status_code == 302, "half a log-in is none"
    assert other.get("/api/v1/whoami/").status_code == 401
    wrong = other.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert wrong.status_code == 200
    assert "_auth_user_id" not in other.session
    other.post("/accounts/2fa/authenticate/", {"code": code})
    assert other.get("/access/").status_code == 200
    third = Client()
    _try(third, "alice", PASSWORD)
    third.post("/accounts/2fa/authenticate/", {"code": code})
    assert "_auth_user_id" not in third.session, "a recovery code is good once"


def _code_of(secret: str, step: int = 0) -> str:
    present = next(totp.yield_hotp_counters_from_time())
    return totp.format_hotp_value(totp.hotp_value(secret, present + step))


@pytest.fixture
def one_step(monkeypatch):
    """The clock of the codes stands still; `one_step(1)` moves it by a time step."""
    at = {"step": 60_000_000}
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter([at["step"]]))

    def move(by: int) -> None:
        at["step"] += by

    return move


def _second_step(code: str, address: str = "192.0.2.9") -> Client:
    client = Client()
    _try(client, "alice", PASSWORD, address)
    client.post("/accounts/2fa/authenticate/", {"code": code}, REMOTE_ADDR=address)
    return client


def test_a_code_of_the_app_is_good_once_wherever_it_was_used(cast, one_step) -> None:
    client = Client()
    _try(client, "alice", PASSWORD)
    secret = _with_totp(client)
    # The one that set the app up.
    assert "_auth_user_id" not in _second_step(_code_of(secret)).session
    one_step(1)
    code = _code_of(secret)
    spaced = f"{code[:3]} {code[3:]}"
    assert "_auth_user_id" in _second_step(spaced).session
    # The same code again, in both spellings, and one of a step that is past.
    for used in (code, spaced, _code_of(secret, -1)):
        assert "_auth_user_id" not in _second_step(used).session
    # Confirming who one is takes a new one too, and then it's used up for the sign-in.
    answer = client.post("/accounts/2fa/reauthenticate/", {"code": code})
    assert "was already used" in answer.content.decode()
    one_step(1)
    code = _code_of(secret)
    assert client.post("/accounts/2fa/reauthenticate/", {"code": code}).status_code == 302
    assert "_auth_user_id" not in _second_step(code).session
    one_step(1)
    # From elsewhere: five failures are what one address has.
    assert "_auth_user_id" in _second_step(_code_of(secret), "192.0.2.10").session


def test_wrong_codes_keep_out_their_address_and_no_known_browser(cast, one_step, settings) -> None:
    assert settings.ACCOUNT_RATE_LIMITS["login_account_code"] == "50/h/key"
    _limit(settings, "login_account_code", "10/h/key")
    owner = Client()
    _try(owner, "alice", PASSWORD)
    secret = _with_totp(owner)
    owner.post("/accounts/logout/")
    for number in range(10):
        _second_step("000000", f"198.51.{number}.1")
    one_step(1)
    assert "_auth_user_id" not in _second_step(_code_of(secret), "203.0.113.1").session
    _try(owner, "alice", PASSWORD)
    owner.post("/accounts/2fa/authenticate/", {"code": _code_of(secret)})
    assert "_auth_user_id" in owner.session


@pytest.mark.parametrize(("sent", "left"), [({}, 0), ({"keep_tokens": "on"}, 1)])
def test_tokens_do_not_outlive_the_set_up_of_a_second_factor_unseen(cast, sent, left) -> None:
    for name in ("alice", "bob"):
        create_token(
            user=getattr(cast, name), name=f"of {name}", expires_in=timedelta(days=1),
            now=timezone.now(), acting_user=None,
        )  # fmt: skip
    client = Client()
    _try(client, "alice", PASSWORD)
    with_tokens = _with_totp(client, **sent)
    assert with_tokens
    assert ApiToken.objects.of(cast.alice).count() == left
    assert ApiToken.objects.of(cast.bob).count() == 1
    revoked = AuditEntry.objects.filter(action="tokens:revoke", username="alice")
    assert revoked.count() == 1 - left


def test_a_changed_password_revokes_tokens_where_its_owner_says_so(cast) -> None:
    client = Client()
    client.force_login(cast.alice)
    create_token(
        user=cast.alice,
        name="ci",
        expires_in=timedelta(days=1),
        now=timezone.now(),
        acting_user=None,
    )
    sent = {"oldpassword": PASSWORD, "password1": "battery staple horse"}
    sent["password2"] = sent["password1"]
    assert "Revoke my API tokens too (1)" in client.get("/accounts/password/").content.decode()
    assert client.post("/accounts/password/", {**sent, "oldpassword": "no"}).status_code == 200
    assert client.post("/accounts/password/", sent).status_code == 302
    assert ApiToken.objects.of(cast.alice).count() == 1
    sent = {"oldpassword": sent["password1"], "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/password/", {**sent, "revoke_tokens": "on"}).status_code == 302
    assert not ApiToken.objects.of(cast.alice).exists()


def test_pages_of_the_second_factor_show(cast) -> None:
    client = Client()
    _try(client, "alice", PASSWORD)
    assert "Set up" in client.get("/accounts/2fa/").content.decode()
    _with_totp(client)
    for page in ("", "totp/deactivate/", "recovery-codes/", "recovery-codes/generate/"):
        assert client.get(f"/accounts/2fa/{page}").status_code == 200
    assert client.get("/accounts/2fa/recovery-codes/download/").status_code == 200
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(type="totp").exists()


def test_superusers_set_one_up_first_where_the_setting_says_so(cast, settings) -> None:
    settings.REQUIRE_MFA = True
    root, alice = Client(), Client()
    _try(root, "root", PASSWORD)
    _try(alice, "alice", PASSWORD)
    assert alice.get("/access/").status_code == 200
    assert root.get("/access/")["Location"] == "/accounts/2fa/totp/activate/"
    assert root.get("/api/v1/brokers/").status_code == 403
    assert root.get("/admin/").status_code == 302
    _with_totp(root)
    assert root.get("/access/").status_code == 200
    root.post("/accounts/2fa/totp/deactivate/")
    assert Authenticator.objects.filter(type="totp").exists(), "it cannot be switched off again"


# --- Single sign-on ---


class Provider(BaseHTTPRequestHandler):
    """As much of an OpenID provider as a log-in needs."""

    claims: dict[str, Any] = {}
    key = "a key of the provider's own, long enough"

    def do_GET(self) -> None:
        base = f"http://127.0.0.1:{self.server.server_port}"
        if self.path.startswith("/.well-known/"):
            self._say({
                "issuer": base,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "userinfo_endpoint": f"{base}/userinfo",
                "jwks_uri": f"{base}/jwks",
            })  # fmt: skip
        else:
            self._say(self.claims)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        base = f"http://127.0.0.1:{self.server.server_port}"
        token = jwt.encode({"iss": base, "aud": "warren", **self.claims}, self.key, "HS256")
        self._say({"access_token": "a", "token_type": "Bearer", "id_token": token})

    def _say(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def provider(settings, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app = {
        "provider_id": "sso",
        "name": "Example",
        "client_id": "warren",
        "secret": "s",
        "settings": {"server_url": f"http://127.0.0.1:{server.server_port}"},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    settings.OIDC_NAME, settings.OIDC_GROUPS_CLAIM = "Example", "groups"
    yield Provider
    server.shutdown()
    server.server_close()


def _come_by(provider: Any, **claims: Any) -> Client:
    provider.claims = {"sub": "1", **claims}
    client = Client()
    out = client.get("/accounts/oidc/sso/login/")
    assert out.status_code == 302, out.content
    asked = parse_qs(urlsplit(out["Location"]).query)
    # As it's registered with the provider, whatever host the request names.
    assert asked["redirect_uri"] == [f"{settings.CONSOLE_URL}/accounts/oidc/sso/login/callback/"]
    assert asked["code_challenge_method"] == ["S256"]
    back = client.get(
        "/accounts/oidc/sso/login/callback/", {"code": "c", "state": asked["state"][0]}
    )
    client.back = back
    return client


def test_single_sign_on_makes_an_account_that_holds_nothing(cast, provider) -> None:
    assert "Sign in with Example" in Client().get(LOGIN).content.decode()
    client = _come_by(provider, preferred_username="zoe", email="zoe@example.org")
    assert client.get("/access/").status_code == 200
    zoe = User.objects.get(username="zoe")
    assert not zoe.has_usable_password()
    assert not zoe.is_staff
    assert not zoe.is_superuser
    assert allowed(zoe, Permission) == EVERYBODYS
    again = _come_by(provider, preferred_username="zoe")
    assert int(again.session["_auth_user_id"]) == zoe.pk


def test_single_sign_on_never_takes_over_an_account_of_the_same_name(cast, provider) -> None:
    User.objects.filter(username="root").update(email="root@example.org")
    client = _come_by(
        provider, preferred_username="root", email="root@example.org", email_verified=True
    )
    who = User.objects.get(pk=client.session["_auth_user_id"])
    assert who != cast.root
    assert not who.is_superuser


def test_groups_follow_the_claim_at_each_log_in(cast, provider) -> None:
    for name in ("ops", "dev"):
        Group.objects.create(name=name)
    claims = {"preferred_username": "zoe", "groups": ["ops", "unknown", 7]}
    _come_by(provider, **claims)
    zoe = User.objects.get(username="zoe")
    assert [g.name for g in zoe.groups.all()] == ["ops"]
    _come_by(provider, **{**claims, "groups": ["dev"]})
    assert [g.name for g in zoe.groups.all()] == ["dev"]
    _come_by(provider, preferred_username="zoe")
    assert not zoe.groups.exists(), "no claim, no group"


def test_a_disabled_account_stays_out_of_single_sign_on_too(cast, provider) -> None:
    _come_by(provider, preferred_username="zoe")
    User.objects.filter(username="zoe").update(is_active=False)
    client = _come_by(provider, preferred_username="zoe")
    assert "_auth_user_id" not in client.session
    assert client.back.status_code == 302


def test_a_forged_way_back_logs_nobody_in(cast, provider) -> None:
    client = Client()
    answer = client.get("/accounts/oidc/sso/login/callback/", {"code": "c", "state": "forged"})
    assert answer.status_code < 500
    assert "_auth_user_id" not in client.session


def test_who_is_logged_in_does_not_become_somebody_else(cast, provider) -> None:
    client = Client()
    client.force_login(cast.alice)
    provider.claims = {"sub": "9", "preferred_username": "mallory"}
    out = client.get("/accounts/oidc/sso/login/?process=connect")
    state = parse_qs(urlsplit(out["Location"]).query)["state"][0]
    client.get("/accounts/oidc/sso/login/callback/", {"code": "c", "state": state})
    assert int(client.session["_auth_user_id"]) == cast.alice.pk
    assert not User.objects.filter(username="mallory").exists()


def test_without_an_issuer_there_is_no_single_sign_on(cast, settings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = {}
    assert "Sign in with" not in Client().get(LOGIN).content.decode()
    assert Client().get("/accounts/oidc/sso/login/").status_code == 404
