"""A virtual host whose queues dead-letter in every way."""

from __future__ import annotations

from typing import Any

import pika


class Place:
    """`depth(queue)` counts ready messages; `reject` makes a dead letter of the oldest one."""

    def __init__(self, live: Any, scratch: Any) -> None:
        self.live, self.scratch, self.vhost = live, scratch, scratch.name
        self.put("exchanges", "orders", type="topic")
        self.put("exchanges", "dlx", type="direct")
        scratch.declare("orders.dead")
        self.bind("dlx", "orders.dead", "dead")
        dead = {"x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": "dead"}
        scratch.declare("orders", **dead)
        scratch.declare("slow", **dead, **{"x-message-ttl": 50})
        scratch.declare("short", **dead, **{"x-max-length": 1})
        scratch.declare("limited", **dead, **{"x-queue-type": "quorum", "x-delivery-limit": 1})
        self.bind("orders", "orders", "order.#")
        # By policy, to an exchange that takes every key.
        self.put("exchanges", "graves", type="fanout")
        scratch.declare("mail")
        scratch.declare("graves.all")
        self.bind("graves", "graves.all", "")
        self.put(
            "policies", "dead",
            **{"pattern": "^mail$", "apply-to": "queues", "definition": {"dead-letter-exchange": "graves"}},
        )  # fmt: skip
        # A cycle with a delay: rejected, waits, comes back.
        wait = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work.wait"}
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work"}
        scratch.declare("work", **wait)
        scratch.declare("work.wait", **back, **{"x-message-ttl": 100})
        scratch.declare("work_error")

    def put(self, kind: str, name: str, **body: Any) -> None:
        self.live.call("PUT", kind, self.vhost, name, body=body)

    def bind(self, source: str, queue: str, key: str) -> None:
        body = {"routing_key": key}
        self.live.call("POST", "bindings", self.vhost, "e", source, "q", queue, body=body)

    def publish(
        self, key: str, body: bytes = b"{}", *, exchange: str = "", headers: Any = None
    ) -> None:
        properties = pika.BasicProperties(headers=headers, content_type="application/json")
        self.scratch.channel.basic_publish(exchange, key, body, properties, mandatory=True)

    def reject(self, queue: str, *, requeue: bool = False, wait: Any = None) -> None:
        def get() -> Any:
            return self.scratch.channel.basic_get(queue)[0]

        method = wait(get) if wait else get()
        self.scratch.channel.basic_reject(method.delivery_tag, requeue=requeue)

    def take(self, queue: str) -> tuple[Any, bytes]:
        """Take the oldest message: its properties and body."""
        _, properties, body = self.scratch.channel.basic_get(queue, auto_ack=True)
        return properties, body

    def depth(self, queue: str) -> int:
        return self.scratch.channel.queue_declare(queue, passive=True).method.message_count

    def kill_one_of_each(self, eventually: Any) -> None:
        """Five dead letters in orders.dead: two rejected, one of each other reason."""
        error = {"x-exception-message": "no rate for country XI"}
        self.publish("order.invoice.1", b'{"id": 1}', exchange="orders", headers=error)
        self.publish("order.invoice.1", b'{"id": 2}', exchange="orders", headers=error)
        self.reject("orders")
        self.reject("orders")
        self.publish("slow")
        self.publish("short")
        self.publish("short", b'{"second": true}')
        self.publish("limited")
        for _ in range(2):
            self.reject("limited", requeue=True, wait=eventually)
        eventually(lambda: self.depth("orders.dead") == 5)
