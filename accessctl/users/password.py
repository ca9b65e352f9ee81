"""The requested password of a RabbitMQ user."""

from __future__ import annotations

from dataclasses import dataclass, field

from accessctl.passwords.policy import why_weak
from console.errors import InvalidField
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import (
    MD5,
    SHA256,
    SHA512,
    hash_password,
    is_hash,
    why_no_password,
)


@dataclass(frozen=True, kw_only=True)
class Password:
    """One of three: a clear-text password, a hash created elsewhere, or none (authentication by
    certificate)."""

    clear: Secret | None = field(default=None, repr=False)
    hashed: str = field(default="", repr=False)
    algorithm: str = SHA256
    none: bool = False

    def secrets(self) -> dict[str, str]:
        """Return the fields to send. Raises InvalidField unless exactly one of the three is set."""
        if (self.clear is not None) + bool(self.hashed) + self.none != 1:
            raise InvalidField(
                "password",
                "Choose exactly one: a password, a password hash, or no password.",
            )
        if self.none:
            return {"password_hash": "", "hashing_algorithm": SHA256}
        if self.clear is not None:
            return self._hash(self.clear)
        if self.algorithm not in (SHA256, SHA512, MD5):
            raise InvalidField(
                "hashing_algorithm",
                f"RabbitMQ doesn't have the hashing algorithm {self.algorithm[:60]}.",
            )
        if not is_hash(self.hashed, self.algorithm):
            raise InvalidField(
                "password_hash",
                "This isn't a valid password hash. It must be base64 of 4 bytes of "
                "salt and the digest.",
            )
        return {"password_hash": self.hashed, "hashing_algorithm": self.algorithm}

    def _hash(self, clear: Secret) -> dict[str, str]:
        if reason := why_no_password(clear.reveal()) or why_weak(clear.reveal()):
            raise InvalidField("password", reason)
        if self.algorithm not in (SHA256, SHA512):
            raise InvalidField("hashing_algorithm", "Choose SHA-256 or SHA-512.")
        return {
            "password_hash": hash_password(clear, self.algorithm).reveal(),
            "hashing_algorithm": self.algorithm,
        }
