"""Responses that the web server sends without calling the application."""

from __future__ import annotations

import json
from http import HTTPStatus

RETRY_AFTER_S = 2
_SENTENCES = {
    HTTPStatus.SERVICE_UNAVAILABLE: "The console has more requests than it can serve. Nothing was changed; try again shortly.",
    HTTPStatus.REQUEST_TIMEOUT: "The request didn't arrive in time. Nothing was changed.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large. Nothing was changed.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers of the request are too large. Nothing was changed.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long. Nothing was changed.",
}


def refusal(status: HTTPStatus, *, method: bytes = b"GET", path: bytes = b"/") -> bytes:
    """Return the whole response: JSON for the API, a page otherwise. 503 has Retry-After."""
    sentence = _SENTENCES[status]
    if path.startswith(b"/api/"):
        kind = "application/json"
        fault = {"code": status.phrase.lower().replace(" ", "_"), "detail": sentence, "attr": None}
        side = "server_error" if status >= 500 else "client_error"
        body = json.dumps({"type": side, "errors": [fault], "request_id": None})
    else:
        kind = "text/html; charset=utf-8"
        body = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{status.phrase}</title></head>\n'
            f"<body><main><h1>{status.phrase}</h1><p>{sentence}</p></main></body></html>\n"
        )
    headers = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(f"Retry-After: {RETRY_AFTER_S}")
    return ("\r\n".join(headers) + "\r\n\r\n" + ("" if method == b"HEAD" else body)).encode("ascii")
