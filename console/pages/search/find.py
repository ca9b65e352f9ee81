"""Find everything that a person may see by a part of its name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.urls import reverse

from accessctl.authorize import may
from accessctl.rights import Permission
from accessctl.visibility.changes import changes_seen_by
from console.faces.face import FACES
from console.models import Broker
from console.pages.search.hits import Group, Hit
from console.pages.search.objects import Most, find_objects
from console.pages.search.places import find_commands, find_pages
from console.pages.search.ranking import matching, rank
from console.pages.search.request import Mode, Query
from console.scope import Scope

#: Older changes are found in their list.
_RECENT = timedelta(days=90)
#: Among more accounts with the text in their name, the best match may be missed.
_MOST_PEOPLE = 500


def find(query: Query, user: Any, scope: Scope, most: Most, now: datetime) -> list[Group]:
    """Return the groups with hits, the best first.

    The scope decides what comes first, never what is found. A fixed number of queries plus two for
    each kind of object with matches, whatever the number of rows.
    """
    if query.mode is Mode.COMMANDS:
        return _sorted(find_commands(query.text, user, scope), find_pages(query.text, user, scope))
    brokers = {one.pk: one for one in Broker.objects.visible_to(user)}
    of_brokers = _brokers(query.text, scope, brokers, most)
    if query.mode is Mode.BROKERS:
        return _sorted(of_brokers)
    places = [find_pages(query.text, user, scope), find_commands(query.text, user, scope)]
    if not query.text:
        return [group for group in places if group]
    objects = find_objects(query.text, user, scope, brokers, most)
    people = _people(query.text, user, most)
    changes = _changes(query.text, user, most, now)
    return _sorted(of_brokers, *objects, *places, people, changes)


def _sorted(*groups: Group | None) -> list[Group]:
    return sorted((group for group in groups if group), key=lambda group: group.place)


def _brokers(text: str, scope: Scope, brokers: Mapping[int, Broker], most: Most) -> Group | None:
    """Return the brokers with the text in their name, or whose environment it is."""
    found = []
    for broker in brokers.values():
        place: int | None = rank(broker.name, text)
        if place is None and text and broker.get_environment_display().lower() == text.lower():
            place = len(broker.name) + 4
        if place is not None:
            found.append((place, len(broker.name), broker.name, broker))
    if not found:
        return None
    hits = [
        Hit(
            kind="broker",
            id=broker.pk,
            name=broker.name,
            url=reverse("broker", args=[broker.pk]),
            icon="server-stack",
            rank=place,
            note=broker.get_environment_display(),
            is_here=scope.environment in (None, broker.environment),
        )
        for place, _, _, broker in sorted(found, key=lambda one: one[:3])[
            : most.here + most.elsewhere
        ]
    ]
    everywhere = urlencode({"search": text})
    return Group(
        key="broker", label="Brokers", hits=hits, total=len(found),
        all_url=f"{reverse('fleet')}?{everywhere}", order=-1,
    )  # fmt: skip


def _people(text: str, user: Any, most: Most) -> Group | None:
    if not may(user, Permission.PEOPLE_VIEW):
        return None
    named = matching(User.objects.all(), ["username"], text)
    ranked = sorted(
        (rank(one.username, text) or 0, one.username, one) for one in named[:_MOST_PEOPLE]
    )
    if not ranked:
        return None
    hits = [
        Hit(
            kind="person", id=one.pk, name=one.username, rank=place, icon="user-circle",
            url=reverse("access_person", args=[one.pk]),
            note="" if one.is_active else "disabled",
        )
        for place, _, one in ranked[: most.here]
    ]  # fmt: skip
    total = len(ranked) if len(ranked) < _MOST_PEOPLE else named.count()
    return Group(
        key="person", label="Console accounts", hits=hits, total=total,
        all_url=reverse("access_people"), order=len(FACES),
    )  # fmt: skip


def _changes(text: str, user: Any, most: Most, now: datetime) -> Group | None:
    """Return recent changes with the text in their title, newest first."""
    if not may(user, Permission.CHANGES_VIEW):
        return None
    recent = changes_seen_by(user).filter(created_at__gt=now - _RECENT)
    named = matching(recent, ["title"], text)
    found = list(named.order_by("-created_at", "pk")[: most.here + 1])
    if not found:
        return None
    hits = [
        Hit(
            kind="change", id=str(one.pk), name=one.title, rank=rank(one.title, text) or 0,
            icon="arrow-path-rounded-square", url=reverse("change", args=[one.pk]),
            note=f"{one.get_state_display()}, by {one.author_name}",
        )
        for one in found[: most.here]
    ]  # fmt: skip
    return Group(
        key="change", label="Recent changes", hits=hits,
        total=len(hits) if len(found) <= most.here else named.count(),
        all_url=f"{reverse('changes')}?{urlencode({'search': text})}", order=len(FACES) + 2,
    )  # fmt: skip
