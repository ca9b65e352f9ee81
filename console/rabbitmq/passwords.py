"""Password hashes in RabbitMQ's format, so that no clear-text password leaves the console.

Source: `rabbit_password.erl`: base64(salt + H(salt + UTF-8 password)) with 4 random bytes of salt.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import string

from console.rabbitmq.endpoint import Secret

SHA256 = "rabbit_password_hashing_sha256"
SHA512 = "rabbit_password_hashing_sha512"
MD5 = "rabbit_password_hashing_md5"
_DIGESTS = {SHA256: hashlib.sha256, SHA512: hashlib.sha512}
_SALT_BYTES = 4
MOST_BYTES = 1024
#: No characters that look alike, and none with a meaning in a shell or URL.
_ALPHABET = "".join(set(string.ascii_letters + string.digits) - set("O0Il1"))


def why_no_password(text: str) -> str:
    """Return why `text` can't be a user's password, in one sentence; "" if it can. The text is used
    unchanged, including spaces.
    """
    if not text:
        return (
            "The password can't be empty. To create a user without a password, choose that option."
        )
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return "The password isn't valid Unicode."
    if length > MOST_BYTES:
        return f"A password has at most {MOST_BYTES} bytes."
    return "The password can't contain a NUL character." if "\0" in text else ""


def hash_password(
    password: Secret, algorithm: str = SHA256, *, salt: bytes | None = None
) -> Secret:
    """Return the `password_hash` to send. Raises KeyError for an algorithm that Warren doesn't
    write, such as MD5."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    digest = _DIGESTS[algorithm](salt + password.reveal().encode()).digest()
    return Secret(base64.b64encode(salt + digest).decode())


def password_matches(password: Secret, hashed: str, algorithm: str = SHA256) -> bool:
    """Return whether the hash is of this password; False for a hash that isn't one of `algorithm`."""
    try:
        raw = base64.b64decode(hashed, validate=True)
        again = hash_password(password, algorithm, salt=raw[:_SALT_BYTES])
    except (ValueError, KeyError):
        return False
    return secrets.compare_digest(again.reveal(), hashed)


def is_default_password(user: str, hashed: str | None, algorithm: str) -> bool | None:
    """Return whether the password of guest is still guest. None for any other user, and if the hash
    isn't reported or its algorithm isn't checked here."""
    if user != "guest" or hashed is None:
        return None
    if algorithm not in _DIGESTS:
        return None if hashed else False
    return password_matches(Secret("guest"), hashed, algorithm)


def generate_password(length: int = 32) -> Secret:
    return Secret("".join(secrets.choice(sorted(_ALPHABET)) for _ in range(length)))


def is_hash(text: str, algorithm: str) -> bool:
    """Return whether `text` has the shape of a hash: base64 of salt and digest."""
    lengths = {SHA256: 32, SHA512: 64, MD5: 16}
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return len(raw) == _SALT_BYTES + lengths[algorithm]
