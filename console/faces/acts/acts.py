"""From a form to a change: the flow of every operation on a broker.

A form is posted with `step`: *preview* (the default) checks it and shows the plan; *edit* returns
to the form with all input kept; *apply* accepts the plan that was shown, or shows a new one if the
broker has changed since. Works without JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme

from console.engine.accept import accept
from console.engine.acts.request import RequestedAct
from console.engine.proposal import DesiredObject, Proposal
from console.engine.proposals.judge import PLAN_MOVED, first_change, shown_digest
from console.engine.proposals.owned import why_glass_holds
from console.engine.proposals.preview import preview
from console.errors import ConsoleError
from console.faces.acts.forms import ActForm
from console.faces.acts.once import remember
from console.faces.person import person_of
from console.kinds.common.kind import Ref
from console.models import Broker, Change
from console.scope import Scope

_MOST_REASON = 2000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a valid form requests. `title` names the change. `act` is the label of the button.
    `back` is the URL to open once it is accepted. `acts` are operations that aren't a desired
    state. `dies` are sentences about what is lost, for the only object or by object; `warnings` are
    sentences above the plan. `typed`: a name to type as confirmation, "" for none. `once`: a
    generated password, shown after the change is applied (console.faces.acts.once)."""

    title: str
    act: str
    back: str
    desired_objects: Sequence[DesiredObject] = ()
    acts: Sequence[RequestedAct] = ()
    dies: Sequence[str] | Mapping[Ref, Sequence[str]] = ()
    warnings: Sequence[str] = ()
    typed: str = ""
    danger: bool = False
    once: str = ""
    #: The changes that it undoes.
    reverts: Sequence[UUID] = ()
    context: dict[str, Any] = field(default_factory=dict)

    def objections(self) -> Mapping[Ref, Sequence[str]]:
        """Return the sentences of `dies`, by object."""
        if isinstance(self.dies, Mapping):
            return self.dies
        return {self.desired_objects[0].ref: self.dies} if self.desired_objects else {}

    @property
    def broker(self) -> Broker:
        """The broker of the first object."""
        return (self.desired_objects or self.acts)[0].broker


class Edge:
    """How the flow looks on the console's pages. The Django admin has its own subclass."""

    origin = "page"
    template = "components/act_preview.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        """Return more variables for the template."""
        return {}

    def landed(self, request: HttpRequest, back: str, change: Change) -> HttpResponse:
        """Return the response after the change was accepted; `back` as in Asked."""
        return redirect(_followed(back, change))


PAGES = Edge()


def carry_out(
    request: HttpRequest,
    form: ActForm,
    ask: Callable[[], Asked],
    show: Callable[[int], HttpResponse],
    edge: Edge = PAGES,
) -> HttpResponse:
    """Handle a request to a page with a form. `show(status)` renders the form. `ask()` turns the
    valid form into an `Asked`; if it raises ConsoleError, the form shows the error."""
    step = request.POST.get("step", "preview")
    if request.method != "POST" or step == "open":
        return _private(show(200))
    if not form.is_valid():
        return _private(show(400))
    if step == "edit":
        return _private(show(200))
    if step == "apply" and (done := _done_already(request)):
        return done
    try:
        asked = ask()
        proposal = proposal_of(request, asked, edge)
        problem = _missing(request, asked, proposal) if step == "apply" else ""
        if step == "apply" and not problem:
            return _accepted(request, asked, proposal, edge)
        return _private(_preview(request, asked, proposal, form, problem, edge))
    except ConsoleError as error:
        form.refuse(error)
        return _private(show(error.http_status))


def confirm(
    request: HttpRequest,
    ask: Callable[[], Asked],
    cancel: str,
    *,
    edge: Edge = PAGES,
    shown_first: bool = False,
    **context: Any,
) -> HttpResponse:
    """Handle an operation without a form, such as deleting: GET shows the preview, POST accepts it.
    If `ask()` raises ConsoleError, the error is shown instead of the plan. `cancel` is the URL to
    return to. `shown_first`: this POST comes from a list and must show the preview."""
    confirming = request.method == "POST" and not shown_first
    if confirming and (done := _done_already(request)):
        return done
    try:
        asked = ask()
        proposal = proposal_of(request, asked, edge)
        problem = _missing(request, asked, proposal) if confirming else ""
        if confirming and not problem:
            return _accepted(request, asked, proposal, edge)
        context = {"cancel": cancel, **context}
        return _private(_preview(request, asked, proposal, None, problem, edge, **context))
    except ConsoleError as error:
        found = {**edge.context(request), "refusal": error.message, "cancel": cancel, **context}
        return render(request, edge.template, found, status=error.http_status)


def proposal_of(request: HttpRequest, asked: Asked, edge: Edge = PAGES) -> Proposal:
    """Return the proposal to preview or accept in this request, with its reason and idempotency
    key."""
    return Proposal(
        title=asked.title,
        desired_objects=asked.desired_objects,
        acts=asked.acts,
        origin=edge.origin,
        reason=_clean(request.POST.get("reason", "")),
        idempotency_key=_key(request),
        about=lambda _: asked.objections(),
        breaks_glass=request.POST.get("break_glass") == "on",
        remarks=asked.warnings,
        reverts=asked.reverts,
    )


def _accepted(request: HttpRequest, asked: Asked, proposal: Proposal, edge: Edge) -> HttpResponse:
    """Accept the proposal and return the response. Raises what `accept` raises."""
    change = accept(proposal, now=timezone.now(), acting_user=person_of(request))
    if asked.once:
        remember(request, change, asked.once)
    return edge.landed(request, asked.back, change)


def back_to(request: HttpRequest, otherwise: str) -> str:
    """Return the page that the person came from (`next`) if it is on this console, else
    `otherwise`."""
    given = request.POST.get("next") or request.GET.get("next") or ""
    if given.startswith("/") and url_has_allowed_host_and_scheme(given, allowed_hosts=None):
        return given
    return otherwise


def _done_already(request: HttpRequest) -> HttpResponse | None:
    """Redirect to the change if the same confirmation was sent before, such as by a second
    click."""
    found = first_change(person_of(request), _key(request))
    return redirect("change", found.pk) if found else None


def _missing(request: HttpRequest, asked: Asked, proposal: Proposal) -> str:
    """Return why the confirmation isn't valid, in one sentence; "" if it is."""
    typed = request.POST.get("typed", "")
    # Spaces at the ends are easily lost in copying. They count only if the name has nothing else.
    if asked.typed and typed != asked.typed and typed.strip() != (asked.typed.strip() or None):
        return "The name doesn't match. Nothing was changed."
    if request.POST.get("seen") != shown_digest(proposal):
        return PLAN_MOVED
    return why_glass_holds(proposal)


def _preview(
    request: HttpRequest,
    asked: Asked,
    proposal: Proposal,
    form: ActForm | None,
    problem: str,
    edge: Edge,
    **context: Any,
) -> HttpResponse:
    broker = asked.broker
    found: dict[str, Any] = {
        **edge.context(request),
        "now": timezone.now(),
        "scope": Scope.at(broker),
        "broker": broker,
        "asked": asked,
        "preview": preview(proposal),
        "hidden": form.carried() if form else [],
        "has_form": form is not None,
        "seen": shown_digest(proposal),
        "key": proposal.idempotency_key or uuid4().hex,
        "reason": proposal.reason,
        "typed": request.POST.get("typed", ""),
        "problem": problem,
        "breaks_glass": proposal.breaks_glass,
        "next": back_to(request, ""),
        "cancel": asked.back,
        **asked.context,
        **context,
    }
    return render(request, edge.template, found, status=400 if problem else 200)


def _followed(address: str, change: Change) -> str:
    """Return the URL with the ID of the change whose progress its page should follow."""
    parts = urlsplit(address)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "change"]
    return urlunsplit(parts._replace(query=urlencode([*kept, ("change", str(change.pk))])))


def _key(request: HttpRequest) -> str:
    return request.POST.get("key", "")[:100].replace("\0", "")


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()[:_MOST_REASON]


def _private(response: HttpResponse) -> HttpResponse:
    """Prevent caching: forms and previews may hold secrets that are shown once."""
    add_never_cache_headers(response)
    return response
