"""The generated secrets of one state folder, and the file from which scripts read them."""

from __future__ import annotations

import base64
import secrets
import shlex

from console.local.folder import StateFolder
from console.local.trouble import Trouble

CREDENTIALS = "credentials.env"


def _hexadecimal() -> str:
    return secrets.token_hex(24)


def _fernet_key() -> str:
    """Return 32 random bytes in URL-safe base64, the format of keys for cryptography's Fernet."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _api_token() -> str:
    """Return a token in the format of the console's own tokens (accessctl.tokens.service)."""
    return f"wrn_{secrets.token_hex(32)}"


def _readable_password() -> str:
    """Return a password of 95 bits in four groups, without characters that look alike."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))


MAKERS = {
    "secret_key": _hexadecimal,
    "encryption_key": _fernet_key,
    "postgres_password": _hexadecimal,
    "postgres_runtime_password": _hexadecimal,
    "rabbitmq_password": _hexadecimal,
    "rabbitmq_cookie": _hexadecimal,
    "administrator_password": _readable_password,
    "token": _api_token,
}


class Keys:
    """`secrets.json` (0600): created at the first start, kept until bin/up --reset."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        path = folder / "secrets.json"
        self._values = {key: str(value) for key, value in folder.read_json("secrets.json").items()}
        if path.exists() and not self._values:
            raise Trouble(
                f"{path} is damaged, and the database can't be opened without it. "
                "Restore a good copy, or start from scratch: bin/up --reset"
            )
        missing = [name for name in MAKERS if not self._values.get(name)]
        for name in missing:
            self._values[name] = MAKERS[name]()
        if missing:
            self._save()

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def _save(self) -> None:
        self._folder.write_json("secrets.json", self._values)


def write_credentials(folder: StateFolder, values: dict[str, str]) -> None:
    """Write NAME=value lines that a shell can source."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    folder.write_text(CREDENTIALS, "\n".join(lines) + "\n")
