"""What gets into the image, and what doesn't."""

from __future__ import annotations

import re
import subprocess

import pytest

from console.local.folder import CHECKOUT
from tests.local.image import DOCKERFILE, RUN_STAGE, context_files, image_account, in_context

TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True
).stdout.splitlines()


@pytest.mark.parametrize(
    "name",
    [
        "warren.dump", ".env", ".env.prod", "certs/ca.pem", "secrets/key", "id_rsa", "x.py", "backup.sql.gz",
        ".git/config", ".local/credentials.env", ".venv/bin/python", "node_modules/a/b.js",
        "console/.env", "console/key.pem", "console/engine/warren.dump", "vhosts/__pycache__/a.pyc",
        "templates/console/x.bak", "static/vendor/stamp", "static/vendor/uplot.min.js", "static/js/a.map",
        "static/dump.js", "accessctl/users/users.csv", "console/local/install.sh",
        "bin/up", "docs/settings.md", "tests/conftest.py", "bench/x.py", "requirements-local.txt",
        "requirements-dev.txt", "compose.yaml", ".env.example",
    ],
)  # fmt: skip
def test_what_lies_in_a_checkout_stays_out_of_the_build(name: str) -> None:
    assert not in_context(name)


def test_the_build_sees_all_of_the_console_and_nothing_else() -> None:
    ours = re.compile(
        r"(accessctl|console|vhosts)/.*\.py|templates/.*\.html|static/(css|js|img)/[^/]+|LICENSE|manage\.py"
        r"|requirements(-node)?\.txt|package(-lock)?\.json|\.npmrc"
    )
    wanted = {name for name in TRACKED if ours.fullmatch(name)}
    found = {str(path) for path in context_files()}
    assert found & set(TRACKED) == wanted
    assert all(ours.fullmatch(name) for name in found)


def test_what_runs_is_nobody_by_number_and_can_install_nothing() -> None:
    assert image_account() == ("10001", "10001")
    assert "useradd --system --uid 10001 --gid 10001" in RUN_STAGE
    assert "venv --without-pip" in DOCKERFILE
    assert re.search(r"pip uninstall --yes .*\bpip\b", RUN_STAGE)
    assert " install " not in RUN_STAGE


def test_the_image_holds_no_database_of_its_own() -> None:
    assert re.findall(r"-r (\S+)", DOCKERFILE) == ["requirements.txt"]
    production = (CHECKOUT / "requirements.txt").read_text()
    local = (CHECKOUT / "requirements-local.txt").read_text()
    assert "pgserver" not in production
    assert "\npixeltable-pgserver==" in f"\n{local}"
    versions = dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", production, re.MULTILINE))
    for name, version in re.findall(r"^([a-z0-9_.-]+)==(\S+)", local, re.MULTILINE):
        assert versions.get(name, version) == version


def test_a_build_can_go_through_mirrors_and_another_authority() -> None:
    arguments = re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE)
    assert arguments == ["PYTHON_IMAGE", "CA_CERTIFICATES", "PACKAGE_INDEX", "NPM_REGISTRY"]
    for name in arguments:
        assert re.search(rf"\${{?{name}\b", DOCKERFILE), name
