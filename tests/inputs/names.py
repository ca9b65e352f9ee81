"""The names of the table: those that can be, and those that are refused, with what is said of them."""

from __future__ import annotations

from dataclasses import dataclass

_CONTROL = "control characters"
_LONG = "the limit is", "255 characters", "at most 1000 characters"


@dataclass(frozen=True)
class Refused:
    """`said`: one of them is in the answer, by the door. `kinds`: whose names are refused so."""

    id: str
    name: str
    said: tuple[str, ...]
    kinds: tuple[str, ...] = ("vhost", "user")


REFUSED = (
    Refused("N6", ".", ("only of dots",)),
    Refused("N7", "..", ("only of dots",)),
    Refused("N9 line feed", "a\nb", (_CONTROL,)),
    Refused("N9 return", "a\rb", (_CONTROL,)),
    Refused("N9 tab", "\t=cmd", (_CONTROL,)),
    Refused("N9 next line", "a\x85b", (_CONTROL,)),
    Refused("N10", "a\0b", ("Null characters are not allowed", "NUL")),
    Refused("N13", "é" * 128, _LONG),
    Refused("N14", "😀" * 255, _LONG),
    Refused("N15", "x" * 5000, _LONG),
    Refused("N27 replaced", "a\N{REPLACEMENT CHARACTER}b", ("isn't valid UTF-8",)),
    Refused("N31", "a:b", ("colon",), ("user",)),
    Refused("N34", "", ("Enter a name", "may not be blank")),
)

#: By id: {} stands for what makes it this test's own, where the name is not the point as a whole.
LEGAL = {
    "N1": "{}/b",
    "N2": "%2F{}",
    "N2 dots": "{}/..%2F",
    "N11": "{:x<255}",
    "N11 utf-8": "{}" + "é" * 124,
    "N17 before": "  {}",
    "N17 after": "{} ",
    "N17 only": "   ",
    "N18 composed": "caf\u00e9{}",
    "N18 decomposed": "cafe\u0301{}",
    "N19": "abc{}\u202egnp.exe",
    "N19 zero width": "zero\u200bwidth{}",
    "N21 img": "<img src=x onerror=alert(1)>{}",
    "N21 svg": '"><svg/onload=alert(1)>{}',
    "N21 template": "{{{{7*7}}}}{{% now %}}{}",
    "N21 javascript": "javascript;alert(1)//{}",
    "N21 script": "</script><script>alert(1)</script>{}",
    "N22 equals": "=1+1{}",
    "N22 at": "@SUM(A1){}",
    "N22 minus": "-2{}",
    "N25 plus": "+{}",
    "N25 space": "a {}",
    "N25 a+": "a+{}",
    "N25 escaped": "a%2B{}",
    "N26": "?x=1&y#frag;p=1\\{}",
    "N29 null": "null",
    "N29 undefined": "undefined",
    "N29 NaN": "NaN",
    "N30 new": "new",
    "N33": "name@{}",
}
#: Those that can be taken for another name: the API says so, and pages mark them.
CONFUSABLE = ("N17", "N18 decomposed", "N19")
