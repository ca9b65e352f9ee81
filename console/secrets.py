"""Broker credentials at rest: encrypted with MultiFernet, decrypted only on demand.

The keys are in the environment, never in Postgres. A wrong key raises an error; the ciphertext is
never returned as if it were the password.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from console.errors import WrongEncryptionKey
from console.rabbitmq.endpoint import Secret


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("CONSOLE_ENCRYPTION_KEYS is empty.")
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(secret: Secret) -> str:
    return _ring(tuple(settings.ENCRYPTION_KEYS)).encrypt(secret.reveal().encode()).decode()


def decrypt(ciphertext: str) -> Secret:
    """Return the secret. Raises WrongEncryptionKey if no key fits."""
    try:
        return Secret(_ring(tuple(settings.ENCRYPTION_KEYS)).decrypt(ciphertext.encode()).decode())
    except InvalidToken:
        raise WrongEncryptionKey(
            "The stored password was encrypted with another key. "
            "Restore that key in CONSOLE_ENCRYPTION_KEYS or enter the password again."
        ) from None


def rotate(ciphertext: str) -> str:
    """Return the same secret encrypted with the first key. Raises WrongEncryptionKey."""
    return encrypt(decrypt(ciphertext))


class EncryptedField(models.TextField):  # type: ignore[type-arg]
    """Stores ciphertext. Assign through `encrypt`, read through `decrypt`; forms leave it out."""

    description = "Text encrypted at rest"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, kwargs
