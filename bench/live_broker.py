"""The broker that RABBITMQ_URL names, for bench scripts."""

from __future__ import annotations

import http.client
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import pika


class Live:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.username, self.password = parts.username or "guest", parts.password or "guest"
        self.url = f"http://{self.host}:{self.port}"

    def request(self, method: str, path: str, body: str | None = None, port: int = 0) -> bytes:
        connection = http.client.HTTPConnection(self.host, port or self.port, timeout=120)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if not port:
            pair = f"{self.username}:{self.password}".encode()
            headers["Authorization"] = "Basic " + b64encode(pair).decode()
        connection.request(method, path, body, headers)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def channel(self, amqp_port: int, vhost: str) -> Any:
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                self.host,
                amqp_port,
                vhost,
                pika.PlainCredentials(self.username, self.password),
                heartbeat=0,
            )
        ).channel()
