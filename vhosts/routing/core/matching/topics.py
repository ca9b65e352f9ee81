"""Topic exchanges: keys are words separated by dots, * is one word, # any number of words.

The empty key has no words; `a.` has two, of which the second is empty, and * matches an empty word.
Source: `rabbit_exchange_type_topic.erl`; the same in 3.10, 4.0 and 4.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from vhosts.routing.core.matching.matcher import Matched, Message
from vhosts.routing.core.text import counted, ordinal, shown
from vhosts.routing.core.topology import Binding

Words = tuple[str, ...]
#: Nodes that the search for near misses looks at, at most.
_MOST_NODES = 4_000


def words_of(key: str) -> Words:
    return tuple(key.split(".")) if key else ()


class _Node:
    __slots__ = ("bindings", "children", "loops")

    def __init__(self, loops: bool) -> None:
        self.children: dict[str, _Node] = {}
        self.bindings: list[Binding] = []
        #: The node after a #: it takes any further word.
        self.loops = loops


class Topics:
    """The bindings of a topic exchange as a trie: matching costs about the length of the key."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self.bindings = bindings
        self._root = _Node(loops=False)
        for binding in bindings:
            node = self._root
            for word in words_of(binding.key):
                child = node.children.get(word)
                if child is None:
                    child = node.children[word] = _Node(loops=word == "#")
                node = child
            node.bindings.append(binding)

    def match(self, message: Message) -> Matched:
        found: dict[int, Binding] = {}
        for key in message.keys:
            active = _with_hashes([self._root])
            for word in words_of(key):
                step = {}
                for node in active:
                    for child in (
                        node if node.loops else None,
                        node.children.get(word),
                        node.children.get("*"),
                    ):
                        if child is not None:
                            step[id(child)] = child
                active = _with_hashes(step.values())
            for node in active:
                found.update((id(binding), binding) for binding in node.bindings)
        return Matched(sure=list(found.values()))

    def why(self, binding: Binding, message: Message) -> str:
        pattern = words_of(binding.key)
        key = next(key for key in message.keys if matches(pattern, words_of(key)))
        if binding.key == "#":
            return "# matches every key"
        if binding.key == key:
            return f"{_key(key)} equals the binding key" if key else "both keys are empty"
        return f"{_key(key)} matches {shown(binding.key)}"

    def why_not(self, binding: Binding, message: Message) -> tuple[float, str]:
        pattern = words_of(binding.key)
        found = [(*_difference(pattern, words_of(key)), key) for key in message.keys]
        distance, reason, key = min(found, key=lambda one: one[0])
        return distance, f"{_key(key)} doesn't match {_binding_key(binding.key)}: {reason}"

    def nearest(self, message: Message, limit: int) -> Sequence[Binding]:
        if len(self.bindings) <= limit:
            return self.bindings
        found: dict[int, Binding] = {}
        for key in message.keys:
            for binding in self._one_word_off(words_of(key)):
                found[id(binding)] = binding
                if len(found) >= limit:
                    return list(found.values())
        return list(found.values()) or self.bindings[:limit]

    def _one_word_off(self, words: Words) -> Iterator[Binding]:
        """Bindings that match if one word of the key were another; also those one word short."""
        left = _MOST_NODES
        stack = [(self._root, 0, 0)]
        while stack and left:
            left -= 1
            node, at, off = stack.pop()
            if at == len(words):
                yield from node.bindings
                if not off:
                    yield from (one for child in node.children.values() for one in child.bindings)
                continue
            if node.loops:
                stack.append((node, at + 1, off))
            if not off:
                children = islice(node.children.items(), _MOST_NODES)
                stack.extend((child, at + 1, 1) for word, child in children if word != "#")
            for word in {words[at], "*"}:
                if (child := node.children.get(word)) is not None:
                    stack.append((child, at + 1, off))
            if (child := node.children.get("#")) is not None:
                stack.append((child, at, off))


def _with_hashes(nodes: Iterable[_Node]) -> list[_Node]:
    """The nodes, and those after a # that takes no word."""
    found = {id(node): node for node in nodes}
    waiting = list(found.values())
    while waiting:
        child = waiting.pop().children.get("#")
        if child is not None and id(child) not in found:
            found[id(child)] = child
            waiting.append(child)
    return list(found.values())


def matches(pattern: Words, words: Words) -> bool:
    """Return whether one binding key matches, in time bounded by the product of the lengths."""
    reachable = {0}
    for at in range(len(pattern)):
        if pattern[at] == "#" and at in reachable:
            reachable.add(at + 1)
    for word in words:
        step: set[int] = set()
        for at in reachable:
            if at < len(pattern) and pattern[at] == "#":
                step.add(at)
            if at < len(pattern) and pattern[at] in (word, "*"):
                step.add(at + 1)
        for at in sorted(step):
            while at < len(pattern) and pattern[at] == "#":
                at += 1
                step.add(at)
        reachable = step
    return len(pattern) in reachable


def _difference(pattern: Words, words: Words) -> tuple[float, str]:
    """How many words differ, and the first difference, of a pattern that doesn't match."""
    if "#" not in pattern:
        off = [
            n
            for n, (want, word) in enumerate(zip(pattern, words, strict=False))
            if _off(want, word)
        ]
        distance = len(off) + abs(len(pattern) - len(words))
        if off:
            return (
                distance,
                f"{ordinal(off[0])} word is {_word(words[off[0]])}, not {_word(pattern[off[0]])}",
            )
        return distance, f"{_has(words)}, and the binding key takes {len(pattern)}"
    head = pattern[: pattern.index("#")]
    tail = pattern[len(pattern) - pattern[::-1].index("#") :]
    for at, want in enumerate(head):
        if at < len(words) and _off(want, words[at]):
            return 1.5, f"{ordinal(at)} word is {_word(words[at])}, not {_word(want)}"
    least = sum(word != "#" for word in pattern)
    if len(words) < least:
        return least - len(
            words
        ) + 0.5, f"{_has(words)}, and the binding key takes at least {least}"
    for back, want in enumerate(reversed(tail), start=1):
        if _off(want, words[-back]):
            which = "last word" if back == 1 else f"{ordinal(back - 1)} word from the end"
            return 1.5, f"the {which} is {_word(words[-back])}, not {_word(want)}"
    middle = ".".join(pattern[len(head) + 1 : len(pattern) - len(tail) - 1])
    return 2.5, f"the words in between don't contain {shown(middle)}"


def _off(want: str, word: str) -> bool:
    return want not in ("*", word)


def _has(words: Words) -> str:
    return f"it has {counted(len(words), 'word')}" if words else "it has no words"


def _word(word: str) -> str:
    return shown(word) if word else "empty"


def _key(key: str) -> str:
    return f"key {shown(key)}" if key else "the empty key"


def _binding_key(key: str) -> str:
    return shown(key) if key else "the empty binding key"
