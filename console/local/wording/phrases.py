"""Phrases banned in texts for people, each with what to write instead.

Texts use plain trade English: active, present tense, "you", and the verbs that every console uses
(create, edit, delete, add, remove, apply, retry, revert, sign in).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """`words` is a case-insensitive regular expression. A space in it matches any white space, so
    that a phrase is found across a line break. `words` also names the phrase in the list of known
    uses."""

    words: str
    instead: str

    def pattern(self) -> re.Pattern[str]:
        return re.compile(
            rf"(?<![\w-])(?:{self.words})(?![\w-])".replace(" ", r"\s+"), re.IGNORECASE
        )


PHRASES = (
    Phrase("anew", "again"),
    Phrase("mend(?:s|ed|ing)?", "fix, correct, repair"),
    Phrase("by way of", "through, with, or the noun: source"),
    Phrase("asked for here", "managed here; the desired state"),
    Phrase("what was (?:said|asked)", "the broker's reply; the request"),
    Phrase("how far", "status, progress"),
    Phrase("as far as", "within; or drop it"),
    Phrase("on its way", "pending, in transit"),
    Phrase("now due", "pending: retrying now"),
    Phrase("had back", "recovered"),
    Phrase("not all of", "some … can't"),
    Phrase("heed(?:s|ed|ing)?", "use, follow"),
    Phrase("told", "reported, shown, said"),
    Phrase("tells? of", "reports, lists, shows"),
    Phrase("of which it is not known", "unknown"),
    Phrase("not known", "unknown"),
    Phrase("ma(?:ke|kes|de|king) (?:an? |the )?(?:token|account|group|link)s?", "create"),
    Phrase("log(?:s|ged|ging)? in", "sign in; connect, for a database or a broker"),
    Phrase("log-ins?", "sign-in"),
    Phrase("logs? (?:everybody|people|them|you) out", "sign out"),
    Phrase("tak(?:es?|en|ing) away", "remove, delete"),
    Phrase("unasked", "automatically"),
    Phrase("ticked", "selected"),
    Phrase("good any more", "expired, no longer valid"),
    Phrase("th(?:is|at) is no(?! longer)", "not a valid …"),
    Phrase("that is not the", "… doesn't match"),
    Phrase("everybody else's", "all other …"),
    Phrase("lets? go of", "release, drop"),
    Phrase("(?:in )?the broker's words", "the broker's reply"),
    Phrase("(?:already there|there already)", "already exists"),
    Phrase("that there (?:is|are)(?! no)", "existing; unknown …"),
    Phrase("wish(?:es)?", "desired state, desired object"),
    Phrase("doorbells?", "notification"),
    Phrase("knock(?:s|ing)?", "retry"),
    Phrase("go(?:es|ing)? on", "continue"),
    Phrase("all that is in", "everything in"),
    Phrase("proves? who", "authentication"),
    Phrase("world of its own", "isolated namespace"),
    Phrase("not yours alone", "a network you don't control"),
    Phrase("wants? attention", "needs attention"),
    Phrase("asked of the broker", "read from the broker"),
    Phrase("(?:please|simply)", "nothing: drop it"),
    Phrase("(?:he|him|his|himself)", "they"),
)
