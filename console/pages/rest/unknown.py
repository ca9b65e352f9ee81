from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from console.faces.rest.problems import problem


@method_decorator([csrf_exempt, login_not_required], name="dispatch")
class Unknown(View):
    """What no route answers: 404 as JSON, whoever asks and however."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.path_info.endswith("/"):
            return problem(
                request, 404, "This address doesn't exist. Addresses of this API end with a slash."
            )
        return problem(request, 404)
