"""The part of every page that shows generated passwords until the person dismisses them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from console.faces.acts.acts import back_to
from console.faces.acts.once import put_away


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def once(request: HttpRequest) -> HttpResponse:
    """GET: return the part, polled while a password waits for its change. POST: dismiss one
    (`change`)."""
    if request.method == "POST":
        put_away(request, request.POST.get("change", ""))
        return redirect(back_to(request, "/"))
    return render(request, "components/_once.html")
