"""Refuses uploads to pages by their announced size, before anything is written to disk.

Django parses a form to check its CSRF token, and does so before it knows whether anybody is signed
in.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

#: More than the limit of a definitions file, so that a file slightly too large gets an error at its
#: field.
MOST_BYTES = 32 * 1024 * 1024


class CappedUploadHandler(FileUploadHandler):
    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803 – Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """Refuse a body that is too large. Raises RequestDataTooBig, which becomes a 400."""
        if content_length > MOST_BYTES:
            raise RequestDataTooBig(f"More than {MOST_BYTES} bytes were announced.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
