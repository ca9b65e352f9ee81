from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.rabbitmq.errors import UnaddressableName
from console.rabbitmq.http.exchange import sendable
from console.rabbitmq.management.paths import check_name, path, queue_path

any_text = st.text(st.characters(), max_size=300)  # surrogates and control characters too


def _allowed(name: str) -> bool:
    try:
        check_name(name)
    except UnaddressableName:
        return False
    return True


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=255).filter(
    _allowed
)


@given(names, names)
def test_every_name_comes_back_from_its_path_and_stays_one_segment(vhost: str, name: str) -> None:
    built = queue_path(vhost, name)
    segments = built.split("/")
    assert [unquote(segment, errors="strict") for segment in segments] == [
        "",
        "api",
        "queues",
        vhost,
        name,
    ]


@given(names, names)
def test_every_path_that_is_built_may_be_sent_as_it_is(vhost: str, name: str) -> None:
    built = queue_path(vhost, name, query={"columns": name})
    assert sendable(built)
    parts = urlsplit(f"http://broker{built}")
    assert f"{parts.path}?{parts.query}" == built


@pytest.mark.parametrize(
    "target",
    [
        "", "api/x", "/api/../x", "/api/./x", "/api/..", "/..?a", "/api/x y", "/api/x\ty", "/api/x\ny",
        "/api/\u00e9", "/api/x#y", "/api/x\\y", "/api/\"x", "/api/<x>", "/api/x?a=b c", "/api/x?a#b",
    ],
)  # fmt: skip
def test_what_a_server_could_take_for_another_path_is_not_sent(target: str) -> None:
    assert not sendable(target)


@given(any_text)
def test_a_name_is_either_refused_or_built_never_an_accident(name: str) -> None:
    try:
        built = path("queues", "/", name)
    except UnaddressableName:
        return
    assert built.isascii()
    assert built.count("/") == 4
    assert not {"", ".", ".."} & set(built.split("/")[1:])


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a\nb",
        "a\rb",
        "a\0b",
        "\x7f",
        "a\x1bb",
        "\x85",
        "\ud800",
        "a" * 256,
        "é" * 128,
        "😀" * 255,
    ],
)
def test_what_cannot_be_one_segment_is_refused(name: str) -> None:
    with pytest.raises(UnaddressableName):
        queue_path("/", name)
    with pytest.raises(UnaddressableName):
        queue_path(name, "q")


@pytest.mark.parametrize(
    "name", ["a" * 255, "é" * 127, "...", ".a", " ", "%2F", "..%2f", "~", "amq.default"]
)
def test_what_only_looks_odd_is_taken(name: str) -> None:
    assert unquote(queue_path("/", name).rpartition("/")[2]) == name


def test_a_query_is_encoded_with_nothing_left_safe_but_commas() -> None:
    assert (
        path("queues", query={"columns": "a,b", "x": "&y=1#"})
        == "/api/queues?columns=a,b&x=%26y%3D1%23"
    )
