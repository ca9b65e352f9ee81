"""Every documented operation, with whatever hypothesis can think of: an answer the document knows,
never a 5xx, never anything but JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
OPERATIONS = [
    (path, method)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
    # Would connect to wherever it is told to.
    if not path.endswith("/test/")
]
_TEXT = st.text(max_size=40) | st.sampled_from(
    ["\0", "\ud800", "%00", "1", "-1", "true", "é" * 300]
)
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


def schema_of(reference: dict[str, Any]) -> dict[str, Any]:
    name = reference.get("$ref", "").rpartition("/")[2]
    return dict(DOCUMENT["components"]["schemas"][name]) if name else reference


def body_names(operation: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    return list(
        schema_of(content.get("application/json", {}).get("schema", {})).get("properties", {})
    )


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=" ".join)
@settings(
    # Of each operation; ten times as many in bin/test --long.
    max_examples=settings().max_examples // 4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_an_operation_answers_as_documented(
    api: Any, path: str, method: str, data: st.DataObject
) -> None:
    operation = DOCUMENT["paths"][path][method]
    known = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    names = st.sampled_from(known) | _TEXT if known else _TEXT
    query = data.draw(st.lists(st.tuples(names, _TEXT), max_size=3))
    address = path.replace("{id}", str(data.draw(st.integers(0, 10**19))))
    if query:
        address += "?" + "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in query)
    body = b""
    if fields := body_names(operation):
        sent = data.draw(st.dictionaries(st.sampled_from(fields) | _TEXT, _VALUE, max_size=6))
        body = json.dumps(sent).encode()
    answer = api.generic(method.upper(), address, body, content_type="application/json")
    assert str(answer.status_code) in operation["responses"] or answer.status_code == 404
    assert answer.status_code < 500
    if answer.status_code != 204:
        assert answer["Content-Type"] == "application/json"
        answer.json()


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def test_the_document_tells_of_parameters_and_answers_what_is_so(api: Any) -> None:
    def parameters() -> Any:
        for path, operations in DOCUMENT["paths"].items():
            for method, operation in operations.items():
                for one in operation.get("parameters", []):
                    if one["in"] == "query":
                        yield f"{method} {path} {one['name']}", one["schema"]

    for name, schema in parameters():
        if schema["type"] == "boolean":
            assert "enum" not in schema, name
        if schema["type"] == "string" and not {"enum", "format"} & set(schema):
            assert schema["minLength"] == 1, name
    told = DOCUMENT["paths"]["/api/v1/whoami/"]["get"]["responses"]["200"]
    assert told["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/WhoamiRead"
    }
    assert isinstance(api.get("/api/v1/whoami/").json(), dict)
