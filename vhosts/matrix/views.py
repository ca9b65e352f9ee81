"""The matrix of permissions: users by virtual hosts of one broker."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may_somewhere
from accessctl.rights import Permission
from accessctl.targets import target_broker
from console.brokers.observation import observe
from console.scope import Scope
from vhosts.matrix.cells import HAVING, ROWS, matrix_of, read_matrix


@require_safe
def matrix(request: HttpRequest) -> HttpResponse:
    broker, brokers = target_broker(request, Permission.PERMISSIONS_VIEW)
    now = timezone.now()
    asked = read_matrix(request.GET, broker)
    edit = f"{reverse('permission_edit')}?{urlencode({'broker': broker.pk})}"
    context = {
        "now": now,
        "scope": Scope.at(broker),
        "broker": broker,
        "brokers": brokers if len(brokers) > 1 else [],
        "matrix": matrix_of(asked, request.user, edit_href=edit),
        "edit_href": edit,
        "having": [(key, label, key == asked.having) for key, label in HAVING.items()],
        "sizes": [(size, size == asked.size) for size in ROWS],
        "may_edit": may_somewhere(request.user, Permission.PERMISSIONS_EDIT, broker),
        "observed": observe(
            [broker], "inventory_at", now, parts=("users", "vhosts", "permissions")
        ),
        "here": f"{reverse('matrix')}{asked.href()}",
        "kind": "matrix",
    }
    status = 400 if asked.problems else 200
    return render(request, "vhosts/matrix.html", context, status=status)
