"""`manage.py plan`, `apply` and `export`, as a pipeline runs them: in processes of their own."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from console.models import Change

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> tuple[int, str]:
    """(exit code, standard output)"""
    out = io.StringIO()
    try:
        call_command(name, *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


@pytest.fixture
def vhost(live_broker: Any) -> Any:
    name = f"test/{uuid4().hex[:10]}"
    yield name
    live_broker.forget("vhosts", name)


@pytest.fixture
def file(tmp_path: Any, vhost: str) -> str:
    path = tmp_path / "definitions.json"
    rows = [{"vhost": vhost, "name": "q", "durable": True, "arguments": {}}]
    path.write_text(json.dumps({"vhosts": [{"name": vhost}], "queues": rows}))
    return str(path)


@pytest.fixture
def broker(make_broker: Any, superuser: Any) -> Any:
    return make_broker(name="the broker")


def test_plan_apply_plan_export(broker, file, vhost, live_broker):
    code, told = run("plan", file)
    assert code == 2
    assert f"+ virtual host {vhost}" in told
    assert f"+ queue q in {vhost}" in told
    assert "the broker: 2 create" in told
    assert not Change.objects.exists()

    code, told = run("apply", file, "--broker", "the broker", "--as", "root", "--reason", "because")
    assert (code, "2 of 2 steps applied and verified" in told) == (0, True)
    assert live_broker.call("GET", "queues", vhost, "q")["durable"] is True
    assert (Change.objects.get().origin, Change.objects.get().reason) == ("command", "because")

    assert run("plan", file)[0] == 0
    assert run("apply", file)[0] == 0
    assert Change.objects.count() == 1
    code, told = run("export", "--vhost", vhost)
    assert code == 0
    assert [row["name"] for row in json.loads(told)["queues"]] == ["q"]


def test_json_for_programs(broker, file, vhost):
    code, told = run("plan", file, "--json")
    plan = json.loads(told)
    assert (code, plan["in_sync"], plan["counts"]["create"]) == (2, False, 2)
    code, told = run("apply", file, "--json")
    assert {step["state"] for step in json.loads(told)["steps"]} == {"applied"}


def test_a_part_that_the_broker_refuses_is_an_error_and_told_by_step(broker, file, vhost):
    with open(file) as opened:
        content = json.load(opened)
    row = {"component": "no-such-component", "vhost": vhost, "name": "p", "value": {}}
    content["parameters"] = [row]
    with open(file, "w") as opened:
        json.dump(content, opened)
    code, told = run("apply", file)
    assert code == 1
    assert "rejected: create parameter" in told
    assert "2 of 3 steps applied" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan", "/no/such/file"], "Can't read"),
        (["plan", "FILE", "--broker", "nowhere"], "Broker nowhere not found"),
        (["plan", "FILE", "--as", "nobody"], "Console account nobody not found"),
        (["export", "--vhost", "no such vhost"], "no virtual host"),
        (["plan", "FILE", "--transform", "nope"], "Unknown transformation"),
    ],
)
def test_trouble_is_one_sentence_and_exit_code_1(broker, file, arguments, told):
    code, said = run(*[file if one == "FILE" else one for one in arguments])
    assert code == 1
    assert told in said


def test_a_file_that_is_not_sound_is_an_error_until_the_valid_part_is_asked_for(
    broker, file, vhost
):
    with open(file, "w") as opened:
        rows = [{"vhost": vhost, "name": "q"}, {"vhost": vhost, "name": "a\nb"}]
        json.dump({"vhosts": [{"name": vhost}], "queues": rows}, opened)
    code, told = run("plan", file)
    assert (code, "queues[1].name" in told) == (1, True)
    assert run("apply", file)[0] == 1
    assert not Change.objects.exists()
    assert run("plan", file, "--valid-part")[0] == 2
    assert run("apply", file, "--valid-part")[0] == 0


def test_a_broker_that_is_down_is_an_error_not_a_traceback(broker, file):
    broker.management_url = "http://127.0.0.1:9"
    broker.save()
    code, told = run("plan", file)
    assert code == 1
    assert told.startswith("the broker: ")


def test_somebody_without_the_right_is_refused(broker, file, django_user_model):
    django_user_model.objects.create_user("eve", password="a password")
    assert run("plan", file, "--as", "eve")[0] == 1
