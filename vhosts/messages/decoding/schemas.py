"""Schemas that a person pastes or uploads to read Avro and Protobuf bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Bytes of a schema at most.
LARGEST_SCHEMA = 256 * 1024


@dataclass(frozen=True, slots=True)
class Schema:
    """`content` is an Avro schema in JSON, or a Protobuf FileDescriptorSet; `message` the full name
    of the Protobuf message, which may be left out if there is only one."""

    kind: Literal["avro", "protobuf"]
    content: bytes
    message: str = ""
