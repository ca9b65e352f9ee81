"""What must hold of every file, checked by reading them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("console", "vhosts", "accessctl")
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts
)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
#: What no module does. Names and sentences come from brokers: format_html escapes them, and nothing may
#: declare them safe.
_FORBIDDEN = {
    # (The pattern itself, in a test: it names what no module may call.)
    "marks text as safe": re.compile(r"\bmark_safe\b|SafeString\(|SafeText\("),
    "turns certificate checks off": re.compile(r"verify\s*=\s*False|CERT_NONE"),
    "runs text as code": re.compile(r"(?<![\w.])(eval|exec)\("),
    "opens pickles": re.compile(r"^\s*(import|from)\s+pickle\b", re.MULTILINE),
}
#: Where an administrator may switch certificate checks off, loudly; and one more.
_ALLOWED = {
    ("console/rabbitmq/network/tls.py", "turns certificate checks off"),
    # Reads when a certificate expires, also of one that nobody trusts. It sends no credentials.
    ("console/rabbitmq/network/certificate.py", "turns certificate checks off"),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_and_does_nothing_forbidden(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300, "split it by noun"
    found = [what for what, pattern in _FORBIDDEN.items() if pattern.search(text)]
    assert [what for what in found if (name_of(path), what) not in _ALLOWED] == []
    bare = [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == [], "name what is caught"
    assert path.name != "utils.py"


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_trusts_no_text_and_has_no_inline_code(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\|\s*(safe|safeseq)\b|autoescape\s+off", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "scripts are files (strict CSP)"
    assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=[\"']", text), "strict CSP"
    assert not re.search(r"(src|href)=[\"'](https?:)?//", text) or 'rel="noopener' in text


def test_imports_point_down() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.django_db
def test_models_and_migrations_agree_and_each_app_has_one_line_of_them() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    graph = MigrationLoader(None).graph
    for app in PACKAGES:
        assert len(graph.leaf_nodes(app)) == 1, f"{app} has branches"


def test_the_committed_openapi_document_is_the_present_one(tmp_path: Path) -> None:
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
    assert made.read_text() == (ROOT / "docs" / "openapi.yaml").read_text(), (
        "run: python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"
    )


def test_every_operation_says_what_it_does_and_describes_every_status() -> None:
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            assert {"401", "403", "429", "500", "503"} <= set(operation["responses"]), where
            for status, answer in operation["responses"].items():
                assert answer["description"], f"{where} {status}"


def _settings_in_code() -> set[str]:
    pattern = re.compile(r"env(?:_\w+|\.\w+)\(\s*[\"']([A-Z0-9_]+)[\"']")
    names: set[str] = set()
    for path in (ROOT / "console" / "settings").glob("*.py"):
        names.update(pattern.findall(path.read_text()))
    return names


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z0-9_]+)`", text, re.MULTILINE))
    read = _settings_in_code()
    assert read
    assert read - documented == set(), "describe it in docs/settings.md"
    places = [*(ROOT / "console").rglob("*.py"), *(ROOT / "bin").glob("*")]
    code = "".join(path.read_text() for path in places if path.is_file())
    assert [name for name in documented if name not in code] == [], "it is read nowhere"
