"""Names in narrow columns: cut before their last characters by the style sheet, and whole otherwise."""

from __future__ import annotations

import re
import unicodedata

import pytest

from console.faces.templatetags.warren import bar, name_tag


def text_of(markup: str) -> str:
    return re.sub(r"<[^>]*>", "", markup)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("orders.settlement.eu-central-1.dead", "-1.dead"),
        ("no space is lost at the cut here", "cut here"),
        ("e\u0301te\u0301e\u0301te\u0301e\u0301te\u0301e\u0301te\u0301", "te\u0301"),
    ],
)
def test_the_end_of_a_long_name_stays(name: str, end: str) -> None:
    shown = name_tag(name, fit=True)
    [(head, tail)] = re.findall(r'name-head">(.*)</span><span class="name-tail">(.*)</span>', shown)
    assert head + tail == name
    assert tail.endswith(end[-7:])
    assert not unicodedata.combining(tail[0])
    assert "name-char" not in shown


@pytest.mark.parametrize("name", ["short", "sixteen-letters.", " " * 40])
def test_what_is_short_or_cannot_be_cut_is_whole(name: str) -> None:
    assert "name-fit" not in name_tag(name, fit=True)


def test_a_very_long_name_is_cut_once_by_the_console() -> None:
    assert text_of(name_tag("x" * 255, fit=True)).count("…") == 1


def test_special_characters_stay_visible_on_both_sides_of_the_cut() -> None:
    shown = name_tag("\u202e" + "x" * 30 + "\u202e", fit=True)
    assert shown.count('class="name-char"') == 2


def test_a_bar_is_not_stretched() -> None:
    drawn = bar(1, 3, "Verified")
    assert "viewBox" not in drawn
    assert "preserveAspectRatio" not in drawn
    assert 'width="33.3%"' in drawn
