"""What holds of every page: who may see it, its headers, its errors, its texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from tests.console import fleet

pytestmark = pytest.mark.django_db
PAGES = ("/", "/brokers/add/", "/queues/", "/vhosts/", "/users/", "/permissions/", "/scope/")


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_led_to_the_log_in_and_back(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next={path}"


def test_the_administration_has_no_log_in_of_its_own(client: Client) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/")


@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "email/",
        "password/reset/",
        "password/set/",
        "reauthenticate/",
        "social/",
        "3rdparty/",
    ],
)
def test_what_closed_accounts_need_not_is_not_there(client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "https:evil.example", "\\\\evil.example",
        "///evil.example", "javascript:alert(1)", "data:text/html,x", " //evil.example", "http:///evil.example",
        "/%09/evil.example", "//evil%E3%80%82example", "\tjavascript:alert(1)", "https://127.0.0.1@evil.example",
    ],
)  # fmt: skip
def test_a_log_in_leads_nowhere_else(client: Client, admin_user: Any, where: str) -> None:
    answer = client.post(
        "/accounts/login/", {"login": "admin", "password": "password", "next": where}
    )
    assert answer.status_code == 302
    assert "evil" not in answer["Location"].partition("?")[0] or answer["Location"].startswith(
        "/%09"
    )
    assert re.match(r"/(?![/\\])", answer["Location"])


def test_a_wrong_password_is_said_and_not_repeated(client: Client, admin_user: Any) -> None:
    page = client.post("/accounts/login/", {"login": "admin", "password": "wr0ng-typed"}).content
    assert b"wr0ng-typed" not in page
    assert b"not correct" in page
    assert b'value="admin"' in page


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/accounts/login/", 302), ("/nowhere/", 404), ("/?env=x", 400),
     ("/brokers/add/test/", 405), ("/static/css/tokens.css", 200), ("/static/none.css", 404)],
)  # fmt: skip
def test_every_answer_carries_the_guards(
    admin_client: Client, path: str, status: int, settings: Any
) -> None:
    answer = admin_client.get(path)
    assert answer.status_code == status
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Referrer-Policy"] == "same-origin"
    if not path.startswith("/static/"):
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "no-store" in answer["Cache-Control"]


def test_a_fragment_after_the_session_reloads_the_page(client: Client) -> None:
    answer = client.get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer["HX-Refresh"] == "true"
    assert answer.content == b""


def test_a_form_without_its_token_is_refused_with_a_page(admin_user: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    answer = client.post("/brokers/add/", {"name": "x"})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_error_pages_need_no_database_and_no_session(
    status: int, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        page = Template(f"{{% include '{status}.html' %}}").render(Context())
    assert "Warren" in page


def test_a_fault_of_ours_is_a_plain_page(admin_user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret-internals")

    monkeypatch.setattr("console.pages.fleet.read_list", broken)
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "not in your broker" in answer.content.decode()
    assert "secret-internals" not in answer.content.decode()


def test_no_template_holds_inline_script_or_style() -> None:
    for path in (Path(django_settings.BASE_DIR) / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", text), path


def test_the_rail_shows_only_what_exists_and_marks_where_one_is(admin_client: Client) -> None:
    page = admin_client.get("/").content.decode()
    rail = page[page.index('id="rail"') : page.index("</nav>", page.index('id="rail"'))]
    assert re.search(r'href="/"[^>]*aria-current="page"', rail)
    for path in re.findall(r'href="([^"]+)"', rail):
        assert admin_client.get(path, follow=True).status_code == 200, path


def test_the_scope_is_carried_along_the_rail(admin_client: Client) -> None:
    broker = fleet.make("orders-eu", datetime.now(UTC))
    page = admin_client.get(f"/?broker={broker.pk}&vhost=%2F").content.decode()
    assert f'href="{reverse("queues")}?broker={broker.pk}&amp;vhost=%2F"' in page


def render(source: str, **context: Any) -> str:
    return Template("{% load warren %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1234567, "1\u202f234\u202f567"), (12.5, "12.5"), (-3, "-3"), (2**63, "9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f808")],
)  # fmt: skip
def test_numbers(value: float, shown: str) -> None:
    assert f">{shown}<" in render("{% number value %}", value=value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.004, "&lt;0.01"), (7.25, "7.25"), (7.0, "7"), (4180.2, "4\u202f180")],
)
def test_rates_never_round_something_to_nothing(value: float, shown: str) -> None:
    assert f">{shown}<" in render("{% rate value %}", value=value)


def test_unknown_says_why() -> None:
    for tag in ("number", "rate", "bytes"):
        page = render(f"{{% {tag} value 'Nobody asked.' %}}", value=None)
        assert "—" in page
        assert 'data-tip="Nobody asked."' in page
        assert ">0<" not in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (12, "12 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7200, "2 h ago"), (172800, "2 days ago"), (-5, "just now")],
)  # fmt: skip
def test_ages(seconds: int, words: str) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    page = render("{% age at 60 %}", at=at, now=at + timedelta(seconds=seconds))
    assert words in page
    assert ("stale" in page.replace("data-stale-after", "")) == (seconds > 60)
    assert 'datetime="2026-03-01T12:00:00+00:00"' in page


def test_names_show_what_is_invisible_and_keep_their_ends() -> None:
    page = render("{% name value %}", value="a\u202eb\x00c\u200b")
    assert "U+202E" in page
    assert "U+0000" in page
    assert "U+200B" in page
    assert "\u202e" not in page
    assert "␣" in render("{% name value %}", value="ends with a space ")
    page = render("{% name value %}", value="x" * 100 + "-end")
    assert "…" in page
    assert "-end<" in page
    assert "x" * 100 in page, "the whole name is in its title"
    assert "(empty name)" in render("{% name value %}", value="")
    assert "&lt;b&gt;" in render("{% name value %}", value="<b>")


def test_a_gap_in_a_sparkline_stays_a_gap() -> None:
    page = render("{% sparkline points %}", points=[1, 2, None, None, 5, 5])
    assert page.count("<polyline") == 2
    assert "style" not in page
    assert "unknown" in render("{% sparkline points %}", points=[None, None])


def test_an_unheard_of_state_is_shown_as_it_is() -> None:
    assert "&lt;odd&gt;" in render("{% state_badge state %}", state="<odd>")
