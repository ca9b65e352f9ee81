"""Meanings of arguments and the command lines that pages offer."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from django.template import Context, Template
from hypothesis import given, settings
from hypothesis import strategies as st

from console.kinds.common.shell import shell_word
from vhosts.queues.arguments import duration, explain_arguments
from vhosts.queues.meanings import MEANINGS

BASH = shutil.which("bash")


@settings(deadline=None, max_examples=60)  # each starts a shell
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_a_shell_takes_a_word_for_exactly_the_name(text):
    word = shell_word(text)
    assert word.isprintable()
    said = subprocess.run(
        [BASH, "-c", f"printf %s {word}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    ).stdout
    assert said == text.encode()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_any_value_of_any_argument_can_be_explained(value):
    for key in ("x-message-ttl", "x-max-length-bytes", "x-delivery-limit", "x-unheard-of"):
        (one,) = explain_arguments({key: value}, "quorum")
        assert one.key == key
        assert len(one.value) <= 2001
        assert isinstance(value, str) or one.value.endswith("…") or json.loads(one.value) == value


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (90_000, "1 min 30 s"),
        (3_600_000, "1 h"),
        (86_400_000 * 365, "365 d"),
        (86_400_001, "1 d 1 ms"),
    ],
)
def test_durations_are_read_at_once(ms, said):
    assert duration(ms) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (104_857_600, "100 MiB")],
)
def test_bytes_of_an_argument_are_written_as_on_every_other_page(count, said):
    (one,) = explain_arguments({"x-max-length-bytes": count}, "classic")
    assert one.reading == said
    tag = Template("{% load warren %}{% bytes count %}").render(Context({"count": count}))
    amount, unit = said.split()
    assert f'>{amount}<span class="unit"> {unit}</span>' in tag


def test_every_meaning_is_a_sentence_of_plain_english():
    for key, meaning in MEANINGS.items():
        assert meaning.sentence.endswith("."), key
        assert "!" not in meaning.sentence
