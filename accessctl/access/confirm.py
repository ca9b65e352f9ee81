"""A confirmation before something is revoked, deleted or disabled. It is a separate page, so it
works without JavaScript; the button in the list links to it."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accessctl.access.views import tabs


def question(
    request: HttpRequest, *, title: str, sentences: Sequence[str], act: str, back: str
) -> HttpResponse | None:
    """Return the confirmation page; None for the POST of its button `act`. `sentences` say what is
    lost. `back` is the URL of Cancel."""
    if request.method == "POST":
        return None
    context = {**tabs(request), "title": title, "sentences": sentences, "act": act, "back": back}
    return render(request, "accessctl/access_confirm.html", context)
