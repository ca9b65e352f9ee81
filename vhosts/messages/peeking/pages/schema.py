"""The schema that a reader gives for what they read: Avro or Protobuf."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import IO, Any, Literal

from console.errors import InvalidField
from vhosts.messages.decoding.schemas import LARGEST_SCHEMA, Schema
from vhosts.models import KeptMessages

_LONGEST_NAME = 255


def schema_of(kept: KeptMessages) -> Schema | None:
    """Return the schema in use; None if there is none."""
    found = kept.schema
    if not found:
        return None
    kind: Literal["avro", "protobuf"] = "avro" if found["kind"] == "avro" else "protobuf"
    return Schema(kind, base64.b64decode(found["content"]), found["message"])


def use_schema(kept: KeptMessages, given: Mapping[str, Any], file: IO[bytes] | None) -> None:
    """Store the schema with what was read: an Avro schema as JSON, or a Protobuf FileDescriptorSet,
    uploaded or pasted as base64. An empty `kind` removes it. Raises InvalidField."""
    kind = given.get("kind") or ""
    if kind not in ("", "avro", "protobuf"):
        raise InvalidField("kind", "Choose Avro or Protobuf.")
    kept.schema = {}
    if kind:
        content = _content(kind, given, file)
        message = str(given.get("message") or "").strip()[:_LONGEST_NAME]
        kept.schema = {
            "kind": kind,
            "content": base64.b64encode(content).decode(),
            "message": message.replace("\0", ""),
        }
    kept.save(update_fields=["schema"])


def _content(kind: str, given: Mapping[str, Any], file: IO[bytes] | None) -> bytes:
    text = str(given.get("content") or "")
    content = file.read(LARGEST_SCHEMA + 1) if file else text.encode(errors="replace")
    if len(content) > LARGEST_SCHEMA:
        raise InvalidField("content", f"A schema can have at most {LARGEST_SCHEMA // 1024} KB.")
    if not content.strip():
        raise InvalidField("content", "Paste a schema or choose a file.")
    if kind == "avro":
        try:
            json.loads(content)
        except (ValueError, RecursionError):
            raise InvalidField("content", "The Avro schema isn't valid JSON.") from None
    elif not file:
        try:
            content = base64.b64decode("".join(text.split()), validate=True)
        except ValueError:
            raise InvalidField(
                "content",
                "Upload the FileDescriptorSet (protoc --descriptor_set_out), or paste it as base64.",
            ) from None
    return content
