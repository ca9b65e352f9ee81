"""Lists read from hostile URLs, shown a page at a time, exported so that no cell is a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from console.faces.lists import (
    Column,
    Filter,
    ListSpec,
    contains,
    equals,
    read_list,
    safe_cell,
    stream_csv,
)
from console.models import Broker, BrokerStatus

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SPEC = ListSpec(
    name="brokers",
    columns=[
        Column(key="name", label="Name", order=["name"], value=lambda b: b.name),
        Column(key="interval", label="Interval", order=["poll_interval_s"], descending_first=True),
        Column(key="ready", label="Ready", order=["status__messages_ready"], descending_first=True),
        Column(key="url", label="URL", shown=False),
    ],
    filters=[
        Filter(key="search", label="Name", where=contains("name")),
        Filter(
            key="env_is",
            label="Environment",
            kind="choice",
            where=equals("environment"),
            choices={"production": "Production", "staging": "Staging"},
        ),
        Filter(key="on", label="Enabled", kind="flag", where=lambda _: equals("enabled")("1")),
    ],
    default_sort="name",
    tiebreak=["id"],
)


def read(query: str):
    return read_list(SPEC, QueryDict(query))


def add(name: str, *, interval: int = 10, ready: int | None = 0, env: str = "production") -> Broker:
    broker = Broker.objects.create(
        name=name,
        environment=env,
        management_url="http://b.example:15672",
        username="u",
        poll_interval_s=interval,
    )
    BrokerStatus.objects.create(
        broker=broker,
        state_since=NOW,
        next_poll_at=NOW,
        next_inventory_at=NOW,
        messages_ready=ready,
    )
    return broker


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=abc", "page"),
        ("page=1e9", "page"),
        ("page=" + "9" * 5000, "page"),
        ("page=１", "page"),
        ("page_size=0", "page_size"),
        ("page_size=501", "page_size"),
        ("page_size=-5", "page_size"),
        ("page_size=1e9", "page_size"),
        ("sort=password", "sort"),
        ("sort=__class__", "sort"),
        ("sort=-1%3B--", "sort"),
        ("sort=--name", "sort"),
        ("sort=url", "sort"),
        ("sort=%00", "sort"),
        ("columns=name,password", "columns"),
        ("columns=" + ",".join(["x"] * 5000), "columns"),
        ("search=%00", "search"),
        ("search=" + "a" * 10240, "search"),
        ("env_is=nowhere", "env_is"),
        ("env_is=%00", "env_is"),
        ("on=maybe", "on"),
        ("filter[user__password__startswith]=p", "filter[user__password__startswith]"),
        ("environment__in=p", "environment__in"),
    ],
)
def test_an_unusable_parameter_is_left_out_and_told_in_one_sentence(query, field):
    request = read(query)
    assert [problem.field for problem in request.problems] == [field]
    message = request.problems[0].message
    assert message.endswith(".")
    assert len(message) < 250
    assert "\0" not in message
    assert (request.sort, request.page, request.page_size) == ("name", 1, 100)
    assert request.values == {}


@given(st.text(max_size=40), st.text(max_size=400))
def test_no_url_can_make_reading_fail(name, value):
    parameters = QueryDict(mutable=True)
    parameters[name or "sort"] = value
    for key in ("page", "page_size", "sort", "columns", "search", "env_is", "on", "vhost"):
        parameters[key] = value
    request = read_list(SPEC, parameters)
    assert request.page >= 1
    assert 1 <= request.page_size <= 500
    assert "\0" not in request.href()


def test_links_keep_scope_sort_columns_and_filters_and_leave_out_defaults():
    request = read("vhost=%2F&broker=7&search=a%26b&sort=-interval&columns=name,url&page=3")
    assert dict(parse_qsl(request.href(page=4)[1:])) == {
        "vhost": "/",
        "broker": "7",
        "search": "a&b",
        "sort": "-interval",
        "columns": "name,url",
        "page": "4",
    }
    assert read("sort=name&page=1&page_size=100&columns=name,interval,ready").href() == "?"


def test_columns_come_in_declared_order_from_commas_or_repeats():
    assert read("columns=url&columns=name").shown == ("name", "url")
    assert read("columns=url,name").shown == ("name", "url")


@pytest.mark.django_db
def test_a_page_past_the_end_is_the_last_page():
    for number in range(5):
        add(f"b{number}")
    listing = read("page=9999&page_size=2").show(Broker.objects.all())
    assert (listing.page, listing.pages, [b.name for b in listing.rows]) == (3, 3, ["b4"])
    assert (listing.first_row, listing.last_row) == (5, 5)
    assert listing.next_href == ""
    assert "page=2" in listing.previous_href


@pytest.mark.django_db
def test_pages_neither_overlap_nor_skip_when_all_values_are_equal():
    for number in range(7):
        add(f"b{number}")
    seen = []
    for page in range(1, 4):
        listing = read(f"page={page}&page_size=3&sort=-interval").show(Broker.objects.all())
        seen += [b.pk for b in listing.rows]
    assert sorted(seen) == sorted(Broker.objects.values_list("pk", flat=True))
    assert len(seen) == len(set(seen))


@pytest.mark.django_db
@pytest.mark.parametrize(("sort", "names"), [("ready", "abc"), ("-ready", "bac")])
def test_unknown_values_come_last_in_both_directions(sort, names):
    add("a", ready=1)
    add("b", ready=2)
    add("c", ready=None)
    rows = read(f"sort={sort}").show(Broker.objects.all()).rows
    assert "".join(b.name for b in rows) == names


@pytest.mark.django_db
def test_free_text_is_a_substring_not_a_pattern():
    for name in ("a%b", "a_b", "aXb", "a\\b", "A%B.*"):
        add(name)
    found = {
        text: {b.name for b in read_list(SPEC, _query(search=text)).show(Broker.objects.all()).rows}
        for text in ("%", "_", "\\", ".*", "a%B")
    }
    assert found == {
        "%": {"A%B.*", "a%b"},
        "_": {"a_b"},
        "\\": {"a\\b"},
        ".*": {"A%B.*"},
        "a%B": {"A%B.*", "a%b"},
    }


@pytest.mark.django_db
def test_counts_say_how_many_match_of_how_many(django_assert_num_queries):
    for number in range(4):
        add(f"b{number}", env="staging" if number else "production")
    request = read("env_is=staging&page_size=2")
    with django_assert_num_queries(4):
        listing = request.show(Broker.objects.all())
    assert (listing.matched, listing.total, len(listing.rows)) == (3, 4, 2)
    assert [(c.label, c.value, c.remove_href) for c in listing.chips] == [
        ("Environment", "Staging", "?page_size=2")
    ]
    with django_assert_num_queries(3):
        read("").show(Broker.objects.all())


def test_header_cells_toggle_and_numbers_start_from_the_top():
    from console.faces.lists import Listing

    listing = Listing(request=read("sort=-interval"), rows=[], matched=0, total=0, page=1, pages=1)
    cells = {cell.column.key: cell for cell in listing.headers}
    assert cells["interval"].sorted == "descending"
    assert cells["interval"].href == "?sort=interval"
    assert cells["ready"].href == "?sort=-ready"
    assert cells["name"].href == "?"
    assert "url" not in cells


#: How a cell begins that a spreadsheet may run, by name (OWASP, CSV injection).
FORMULAS = {
    "equals": "=",
    "plus": "+",
    "minus": "-",
    "at": "@",
    "tab": "\t",
    "carriage return": "\r",
    "line feed": "\n",
    "NUL": "\0",
    "full-width equals": "\N{FULLWIDTH EQUALS SIGN}",
    "full-width plus": "\N{FULLWIDTH PLUS SIGN}",
    "full-width minus": "\N{FULLWIDTH HYPHEN-MINUS}",
    "full-width at": "\N{FULLWIDTH COMMERCIAL AT}",
}


@pytest.mark.parametrize("start", FORMULAS.values(), ids=FORMULAS.keys())
@pytest.mark.parametrize("rest", ["", "1+1", "SUM(A1)", "=1+1", " |cmd"])
def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(start, rest):
    assert safe_cell(start + rest) == f"'{start}{rest}"
    assert safe_cell(f"a{start}{rest}") == f"a{start}{rest}"
    (line,) = _exported([start + rest])
    assert line == [f"'{start}{rest}"]


@given(st.sampled_from(["", *FORMULAS.values()]), st.text())
def test_no_exported_text_begins_like_a_formula(start, rest):
    text = start + rest
    cell = safe_cell(text)
    assert cell[:1] not in FORMULAS.values()
    assert cell == (f"'{text}" if text[:1] in FORMULAS.values() else text)


def _exported(texts):
    """The rows below the header, as csv reads them."""
    column = Column(key="a", label="A", value=lambda row: row.text)
    response = stream_csv("x.csv", [column], [SimpleNamespace(text=text) for text in texts])
    body = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(body, newline="")))[1:]


def test_an_export_is_a_download_that_comes_in_pieces():
    columns = [Column(key="a", label="A", value=str), Column(key="b", label="B")]
    response = stream_csv("queues.csv", columns, range(1000))
    pieces = list(response.streaming_content)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="queues.csv"'
    assert len(pieces) > 2
    assert max(piece.count(b"\r\n") for piece in pieces) <= 200
    lines = ['"a"', *(f'"{number}"' for number in range(1000)), ""]
    assert b"".join(pieces).decode().split("\r\n") == lines


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_an_export_reads_back_as_what_was_written(texts):
    columns = [
        Column(key="a", label="A", value=lambda row: row.text),
        Column(key="b", label="B"),
    ]
    response = stream_csv("x.csv", columns, [SimpleNamespace(text=text) for text in texts])
    body = b"".join(response.streaming_content).decode()
    rows = list(csv.reader(io.StringIO(body, newline="")))
    assert rows == [["a"], *[[safe_cell(text)] for text in texts]]
    assert body.startswith('"a"\r\n"')


def test_unknown_is_an_empty_cell_and_zero_is_not():
    assert safe_cell(None) == ""
    assert safe_cell(0) == "0"
    assert safe_cell(False) == "no"
    assert safe_cell(True) == "yes"
    assert safe_cell(-1.5) == "-1.5"
    assert safe_cell("") == ""
    assert safe_cell(NOW) == "2026-11-23T12:00:00+00:00"
    assert safe_cell(NOW.replace(microsecond=7)) == "2026-11-23T12:00:00+00:00"


def _query(**parameters: str) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update(parameters)
    return query
