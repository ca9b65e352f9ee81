"""Masks: rules in the form in which they are applied to one reader's messages. No database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from accessctl import globs
from vhosts.messages.decoding.decode import UNPACKERS, decode
from vhosts.messages.decoding.trees import Number, Pairs
from vhosts.messages.masking.paths import Step, folded

Action = Literal["remove", "mask", "replace"]
#: What stands for a hidden value.
STARS = "***"
_KEPT = "x-warren-"
#: Strings of one body that are looked into at most, and how deep in one another.
_MOST_LOOKED_INTO = 2000
_DEEPEST = 3
_COULD_BE_ENCODED = re.compile(r"\s*[\[{\"]|\s*(?:0x)?[A-Za-z0-9+/_=:\s-]{16,}\Z")


@dataclass(frozen=True, slots=True)
class HeaderMask:
    """Hides headers and properties whose name matches, also within tables and lists.

    `pattern` is folded (folded_name); * stands for any characters.
    """

    pattern: str
    action: Action
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class BodyMask:
    """Hides what the path leads to in a body. No steps: the whole body."""

    steps: tuple[Step, ...]
    action: Action
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of one reader in one virtual host."""

    headers: tuple[HeaderMask, ...] = ()
    body: tuple[BodyMask, ...] = ()


class CannotMask(Exception):
    """What the masks would hide in this body can't be told. `reason` is a phrase."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def folded_name(name: str) -> str:
    """Return a header name or a pattern of such without differences of case, _ and -."""
    return folded(name).replace("_", "-")


def header_mask(name: str, masks: Masks) -> HeaderMask | None:
    """Return the mask that hides a header or property, the strictest if there are several."""
    plain = folded_name(name)
    names = {plain}
    if plain.startswith(_KEPT):
        # A moved message keeps what RabbitMQ would overwrite, such as x-death, as x-warren-death.
        names |= {f"x-{plain.removeprefix(_KEPT)}", plain.removeprefix(_KEPT)}
    found = [
        mask for mask in masks.headers if any(globs.matches(mask.pattern, one) for one in names)
    ]
    return min(found, key=lambda mask: _STRICTEST.index(mask.action), default=None)


def hide_in_header(tree: Any, masks: Masks) -> tuple[Any, bool]:
    """Return a header's value with what masks hide in it: names within tables, and what body masks
    hide in tables and in documents within strings. The second is whether anything was hidden.
    Raises CannotMask."""
    hiding = _Hiding(masks)
    return hiding.walk(tree), hiding.hit


def hides_all(masks: Masks) -> bool:
    """Return whether a mask hides whole bodies."""
    return any(not mask.steps for mask in masks.body)


def hide_in_body(tree: Any, masks: Masks) -> tuple[Any, bool]:
    """Return the body's tree with what the body masks hide, and whether anything was hidden. Raises
    CannotMask."""
    hiding = _Hiding(Masks(body=masks.body))
    return hiding.walk(tree), hiding.hit


_STRICTEST: Sequence[Action] = ("remove", "mask", "replace")
_GONE = object()
#: A mask and how many of its steps led here.
_State = tuple[BodyMask, int]


class _Hiding:
    """One walk through a tree. Every mask keeps the places that it may go on from."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self.hit = False
        self.looked_into = 0

    def walk(self, tree: Any) -> Any:
        """Return the tree with what is hidden in it."""
        try:
            return self.value(tree, self.start(), 0)
        except RecursionError:
            raise CannotMask("it is nested too deep") from None

    def start(self) -> list[_State]:
        return [(mask, 0) for mask in self.masks.body if mask.steps]

    def hidden(self, masks: Sequence[BodyMask | HeaderMask]) -> Any:
        """Return what stands for a value that masks hide; `_GONE` if it is removed."""
        self.hit = True
        strictest = min(masks, key=lambda mask: _STRICTEST.index(mask.action))
        return {"remove": _GONE, "mask": STARS, "replace": strictest.replacement}[strictest.action]

    def value(self, tree: Any, states: list[_State], within: int) -> Any:
        if isinstance(tree, Pairs):
            pairs = Pairs()
            for key, value in tree:
                below = self._child(key, value, states, within, named=True)
                if below is not _GONE:
                    pairs.append((key, below))
            return pairs
        if isinstance(tree, list):
            children = (
                self._child(str(at), value, states, within, named=False)
                for at, value in enumerate(tree)
            )
            return [below for below in children if below is not _GONE]
        if isinstance(tree, str) and not isinstance(tree, Number):
            return self._text(tree, states, within)
        return tree

    def _child(
        self, key: str, value: Any, states: list[_State], within: int, *, named: bool
    ) -> Any:
        following: list[_State] = []
        hits: list[BodyMask | HeaderMask] = []
        for mask, at in states:
            step = mask.steps[at]
            # A list's elements stand where the list stands, so that $.lines.price needs no [*].
            if step.deep or not named:
                following.append((mask, at))
            if step.matches(key):
                if at + 1 == len(mask.steps):
                    hits.append(mask)
                else:
                    following.append((mask, at + 1))
        if named and (header := header_mask(key, self.masks)):
            hits.append(header)
        if hits:
            return self.hidden(hits)
        return self.value(value, list(dict.fromkeys(following)), within)

    def _text(self, text: str, states: list[_State], within: int) -> Any:
        """Hide a whole string if the document in it has something to hide, or if it is packed and
        can't be unpacked."""
        if not (states or self.masks.headers) or not _COULD_BE_ENCODED.match(text):
            return text
        self.looked_into += 1
        if self.looked_into > _MOST_LOOKED_INTO:
            raise CannotMask("it has too many values that may contain documents")
        if within >= _DEEPEST:
            self.hit = True
            return STARS
        found = decode(text.encode("utf-8", "replace"))
        if found.is_tree and isinstance(found.tree, list | str):
            inner = _Hiding(self.masks)
            inner.looked_into = self.looked_into
            if found.tree != text:
                # Where a document starts anew, a path may start anew, too.
                inner.value(found.tree, list(dict.fromkeys([*states, *self.start()])), within + 1)
            self.looked_into = inner.looked_into
            hides = inner.hit
        else:
            hides = any(name in UNPACKERS for name, _ in found.tried) or bool(found.layers)
        if hides:
            self.hit = True
            return STARS
        return text
