"""Protobuf, by a FileDescriptorSet that `protoc --include_imports --descriptor_set_out` writes."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from vhosts.messages.decoding.foreign import tree_of
from vhosts.messages.decoding.packed import unbase64
from vhosts.messages.decoding.result import Undecodable
from vhosts.messages.decoding.schemas import LARGEST_SCHEMA, Schema


def read_protobuf(data: bytes, schema: Schema) -> Any:
    """Return the tree of a message. Raises Undecodable."""
    pool, names = _pool(schema.content)
    name = schema.message.strip().lstrip(".")
    if not name:
        if len(names) != 1:
            raise Undecodable(f"enter which message it is: {', '.join(sorted(names)[:20])}")
        name = names[0]
    if name not in names:
        raise Undecodable(f"the descriptor set has no message {name[:200]}")
    try:
        kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
        found = kind()
        found.ParseFromString(data)
        value = json_format.MessageToDict(
            found, preserving_proto_field_name=True, descriptor_pool=pool
        )
    except Exception as failed:  # the library raises errors of many types
        raise Undecodable(f"doesn't fit {name[:200]}: {type(failed).__name__}") from None
    return tree_of(value)


def _pool(content: bytes) -> tuple[Any, list[str]]:
    """Return a pool of the set's files and the full names of its messages, imported ones left
    out."""
    if len(content) > LARGEST_SCHEMA:
        raise Undecodable(f"the descriptor set is larger than {LARGEST_SCHEMA} bytes")
    files = descriptor_pb2.FileDescriptorSet()
    pool = descriptor_pool.DescriptorPool()
    try:
        files.ParseFromString(_binary(content))
        for each in files.file:
            pool.Add(each)
        for each in files.file:
            pool.FindFileByName(each.name)
    except Undecodable:
        raise
    except Exception:  # the library raises errors of many types
        raise Undecodable(
            "not a Protobuf descriptor set; write one with "
            "protoc --include_imports --descriptor_set_out=FILE"
        ) from None
    imported = {name for each in files.file for name in each.dependency}
    names = [
        f"{each.package}.{kind.name}".lstrip(".")
        for each in files.file
        if each.name not in imported
        for kind in each.message_type
    ]
    if not names:
        raise Undecodable("the descriptor set has no messages")
    return pool, names


def _binary(content: bytes) -> bytes:
    """Return the set's bytes. Pasted ones are base64, which a set itself never is."""
    try:
        return unbase64(content)
    except Undecodable:
        return content
