"""Query parameters of definitions and backups: their documentation, and how they are read."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from console.models import Broker
from vhosts.definitions import backups
from vhosts.models import Backup


def text_parameter(name: str, about: str, *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, required=required, description=about)


def flag_parameter(name: str, about: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.BOOL, description=about)


def broker_of(request: Request, name: str) -> Broker:
    text = request.query_params.get(name, "")
    is_id = text.isascii() and text.isdecimal() and len(text) <= 18
    visible = Broker.objects.visible_to(request.user).select_related("status")
    broker = visible.filter(**({"pk": int(text)} if is_id else {"name": text})).first()
    if broker is None:
        raise ValidationError({name: ["Broker not found. Send its ID or name."]})
    return broker


def backup_of(request: Request, name: str) -> Backup | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValidationError({name: ["Send the ID of a backup."]})
    return backups.access_backup(cast(User, request.user), int(text))


def names_of(request: Request) -> list[str]:
    return [name for name in request.query_params.get("transformations", "").split(",") if name]


def flag_of(request: Request, name: str) -> bool:
    text = request.query_params.get(name)
    if text not in (None, "true", "false"):
        raise ValidationError({name: [f"{name} must be true or false."]})
    return text == "true"


def key_of(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 100 or not key.isascii():
        raise ParseError("An Idempotency-Key has at most 100 ASCII characters.")
    return str(key)
