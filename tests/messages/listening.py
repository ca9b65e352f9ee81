"""What listens in the browser, as its script does: ask once in a while, and stop."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from vhosts.messages.listening.model import TapViewer
from vhosts.messages.listening.viewers import forget_taps

_LISTENING = re.compile(
    r'data-listen="[^"]*/listen/([0-9a-f-]{36})/messages/"[^>]*data-after="(\d+)"'
)


def wait(what: Callable[[], Any], within_s: float = 60) -> Any:
    """Return what `what` returns as soon as that is true."""
    end = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < end, "It didn't happen."
        time.sleep(0.1)
    return found


def taps_end() -> None:
    """Let no thread of a test listen on into the next."""
    TapViewer.objects.all().delete()
    for thread in threading.enumerate():
        if thread.name.startswith("tap-"):
            thread.join(60)
    forget_taps(timezone.now())


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


class Page:
    """A list of messages on a page. `text` is all that it was given."""

    def __init__(self, client: Client, viewer: str, after: str) -> None:
        self.client, self.id, self.after = client, viewer, after
        self.text = self.state = ""

    @classmethod
    def all_of(cls, client: Client, text: str) -> list[Page]:
        return [cls(client, viewer, after) for viewer, after in _LISTENING.findall(text)]

    @property
    def address(self) -> str:
        return reverse("listen_messages", args=[self.id])

    def ask(self, **params: str) -> str:
        answer = self.client.post(self.address, {"after": self.after, **params})
        assert answer.status_code == 200, answer.status_code
        text = answer.content.decode()
        found = re.search(r'data-after="(\d+)" data-state="(\w+)"', text)
        assert found is not None
        self.after, self.state = found.groups()
        self.text += text
        return str(text)

    def hears(self, part: str) -> bool:
        self.ask()
        return part in self.text

    def stop(self) -> None:
        assert self.client.post(reverse("listen_stop", args=[self.id])).status_code == 302


def listening(client: Client, broker: Any, **params: str) -> Page:
    """Start to listen, and return the page."""
    answer = client.post(reverse("listen_start"), {"broker": broker.pk, **params})
    assert answer.status_code == 302, answer.content.decode()
    shown = client.get(answer["Location"])
    assert shown.status_code == 200
    [page] = Page.all_of(client, shown.content.decode())
    return page
