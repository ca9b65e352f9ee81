"""What people, programs and brokers send that hurts: one table for every door.

A door is a way in: the browser's forms, the REST API, a definitions file (by page and API), and
`manage.py apply`. A row that one door takes and another refuses would be a hole. test_table.py fails for a
row that no test of its door carries in its id.

N: names. R: patterns of permissions. U: users and secrets. X: order of events. J: JSON. L: limits.
T: tags. F: files. O: the console's own user, and what everybody has.
"""

from __future__ import annotations

from dataclasses import dataclass

FORM, API, FILE, COMMAND = "form", "api", "file", "command"
DOORS = (FORM, API, FILE, COMMAND)
BY_HAND = (FORM, API)
BY_JSON = (API, FILE, COMMAND)
BY_FILE = (FILE, COMMAND)


@dataclass(frozen=True)
class Row:
    """`left_out`: why no door has it."""

    what: str
    doors: tuple[str, ...] = DOORS
    left_out: str = ""


ROWS = {
    # Names that are legal, however they look: made, read back exactly, shown harmlessly, deleted.
    "N1": Row("a name with a slash"),
    "N2": Row("a name that is an escaped slash"),
    "N3": Row("the default virtual host /", (FORM, API)),
    "N11": Row("255 bytes"),
    "N17": Row("spaces at the ends, or nothing else"),
    "N18": Row("two Unicode forms of one word are two names"),
    "N19": Row("characters that turn the reading direction"),
    "N21": Row("HTML, templates and scripts"),
    "N22": Row("formulas of spreadsheets"),
    "N25": Row("plus signs and spaces are four different names"),
    "N26": Row("query, fragment, parameter, backslash"),
    "N29": Row("words that other languages take for values"),
    "N30": Row("words of our own routes"),
    "N33": Row("an @, by which other tools join names"),
    # Names that are refused before anything is sent.
    "N5": Row("the default exchange, which has no permissions of its own"),
    "N6": Row("a single dot"),
    "N7": Row("two dots, which reach another resource over HTTP"),
    "N9": Row("line ends and tabs, which RabbitMQ drops"),
    "N10": Row("a NUL"),
    "N13": Row("128 characters of two bytes"),
    "N14": Row("255 characters of four bytes"),
    "N15": Row("5,000 bytes"),
    "N23": Row("names that RabbitMQ keeps for itself", BY_FILE),
    "N27": Row("bytes that are isn't valid UTF-8"),
    "N31": Row("a user's name with a colon"),
    "N34": Row("no name at all"),
    # Patterns
    "R1": Row("no regular expression: told with its place"),
    "R2": Row("an empty pattern matches nothing"),
    "R4": Row("runaways are taken, and flagged by hand"),
    "R5": Row("repeats of repeats that would need gigabytes"),
    "R6": Row("1,024 bytes are taken, one more is not"),
    "R8": Row("character classes by name"),
    "R9": Row("recursion: the broker's own verdict is told"),
    "R10": Row("a NUL, as it is or in an escape"),
    "R12": Row("a pattern is missing", BY_JSON),
    "R13": Row("a pattern without an anchor is taken, with a warning", BY_HAND),
    "R14": Row("a user or a virtual host that doesn't exist"),
    "R16": Row("variables of topic permissions, which are the broker's to put in"),
    # Users and secrets
    "U1": Row("tags change, the password stays"),
    "U3": Row("a hash that is none, or of another length or algorithm"),
    "U4": Row("an empty password is not the same as none"),
    "U5": Row("passwords and tags that are numbers", BY_JSON),
    "U7": Row("passwords are taken exactly, or refused"),
    "U8": Row("no secret can be read back", (FORM, API, FILE)),
    # Order of events
    "X1": Row("PUT without If-Match", left_out="no object has PUT: PATCH names what it changes"),
    "X2": Row("two people on one object: the second is told", BY_HAND),
    "X4": Row("deleted twice", BY_HAND),
    "X5": Row("edited while its deletion is pending", BY_HAND),
    "X6": Row("stopped when it has ended", BY_HAND),
    "X8": Row("many deletions at once", left_out="no act here asks for a second person"),
    "X9": Row("a broker that is disabled in the console", BY_HAND),
    "X10": Row("made, while Someone else created this object: left as it is", (FORM, API, FILE)),
    "X12": Row("many ask for the same new name at once: one gets it", BY_HAND),
    # JSON
    "J1": Row("a key twice", BY_JSON),
    "J2": Row("half a surrogate pair, in a value or a key", BY_JSON),
    "J3": Row("bytes that are isn't valid UTF-8, overlong forms among them", BY_JSON),
    "J4": Row("nested 65, 1,000 and 100,000 deep", BY_JSON),
    "J5": Row("NaN, Infinity, 1e400", BY_JSON),
    "J6": Row("integers of 20, 900 and 5,000 digits", BY_JSON),
    "J7": Row("a number as text, text as a number", BY_JSON),
    "J8": Row("1 for true, text for true", BY_JSON),
    "J9": Row("keys that mean nothing", BY_JSON),
    "J10": Row("no object at all, or cut off", BY_JSON),
    # Limits and tags
    "L1": Row("negative: refused by hand; none, in RabbitMQ's files"),
    "L2": Row("a fraction"),
    "L3": Row("beyond 32 and 64 bits"),
    "L4": Row("a limit that RabbitMQ does not have", BY_JSON),
    "L5": Row("0 allows nothing; left out is no limit", BY_HAND),
    "T1": Row("a comma in a tag, which would make two", BY_JSON),
    "T2": Row("more than 32 tags"),
    "T3": Row("a tag with a space inside"),
    "T4": Row("an empty tag, spaces at its ends", (API,)),
    "T5": Row("tags that are no list", BY_JSON),
    "T6": Row("a tag of 256 bytes"),
    # Files
    "F1": Row("two rows for one object that contradict", BY_FILE),
    "F2": Row("unknown keys and sections are told, and the rest is done", BY_FILE),
    "F3": Row("a version that is none", BY_FILE),
    "F4": Row("larger than 20 MB, 300 MB announced", (FORM, FILE, COMMAND)),
    "F5": Row("compressed", (FORM, FILE, COMMAND)),
    "F6": Row("UTF-16", (FORM, FILE, COMMAND)),
    "F7": Row("UTF-8 with a byte order mark is read", BY_FILE),
    "F8": Row("sections and rows of another shape", BY_FILE),
    # The console's own
    "O1": Row("deleting the user by which the console logs in", BY_HAND),
    "O2": Row("taking its tag administrator", (FORM, API, FILE, COMMAND)),
    "O3": Row("giving it another password by a file", BY_FILE),
    "O4": Row("deleting the default virtual host says so first", BY_HAND),
}
