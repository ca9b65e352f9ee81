"""A question before something is revoked, deleted or disabled. A page of its own, so it works without
JavaScript; the button of the list is a link to it."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accessctl.access.views import tabs


def question(
    request: HttpRequest, *, title: str, sentences: Sequence[str], act: str, back: str
) -> HttpResponse | None:
    """Return the page that asks; None for the POST of its button `act`. `sentences` say what is lost.
    `back` is the URL of Cancel."""
    if request.method == "POST":
        return None
    context = {**tabs(request), "title": title, "sentences": sentences, "act": act, "back": back}
    return render(request, "accessctl/access_confirm.html", context)
