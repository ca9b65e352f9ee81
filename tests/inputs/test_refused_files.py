"""Definitions files that hurt, by the API and by `manage.py apply`: one sentence that names row and field,
and nothing of them is done."""

from __future__ import annotations

import pytest

from console.models import Change, ManagedObject
from tests.inputs.files import REFUSED_FILES

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("file", REFUSED_FILES, ids=[file.id for file in REFUSED_FILES])
def test_a_file_that_cannot_be_done_is_told(doors, file):
    answer = doors.file(file.body)
    assert answer.status_code == file.status, answer.content[:500]
    assert answer["Content-Type"] == "application/json"
    code, said = doors.command(file.body)
    assert code == 1
    for told in (answer.json()["errors"][0]["detail"], said):
        assert told.startswith(file.at)
        assert file.said in told
        assert len(told) < 500
    assert not Change.objects.exists()
    assert not ManagedObject.objects.exists()
