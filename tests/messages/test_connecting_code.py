"""Code to copy: whatever a name holds, it stays one string literal and arrives as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils.url import parse_url
from pika import URLParameters

from vhosts.messages.connecting.code.clients import CLIENTS, snippet
from vhosts.messages.connecting.code.target import Server, Target

HOSTILE = [
    "/",
    "app",
    'a"b',
    "a'b",
    "a\\b",
    "a\\",
    'a\\"b',
    "a\nb\r\n",
    "${process.exit()}",
    "`id`",
    "{password}",
    "%2F/%25",
    "a;b@c:d?e#f",
    "\\u0022;evil()",
    "\\\\u0022",
    "*/ // # <!--",
    "müller",
    "\u202ereversed",
    "\u2028\u2029\x85",
    "😀",
    "\x00\x1b[31m\x7f",
    "a b ",
    '"""',
]
NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
)
OTHERS = [name for name, one in CLIENTS.items() if one.language != "Python"]
PYTHONS = [name for name, one in CLIENTS.items() if one.language == "Python"]
_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)


def target_of(user: str, vhost: str, **changes: object) -> Target:
    given = {
        "servers": (Server("mq.example", 5671), Server("::1", 5673)), "tls": True, "user": user,
        "vhost": vhost, "ca_file": True, "client_certificate": True, **changes,
    }  # fmt: skip
    return Target(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PYTHONS)
@given(user=NAMES, vhost=NAMES, server=NAMES, secure=st.booleans(), messages=st.booleans())
def test_python_compiles_and_holds_the_names(
    name: str, user: str, vhost: str, server: str, secure: bool, messages: bool
) -> None:
    target = target_of(user, vhost, tls=secure, server_name=server, round_trip=messages)
    code = snippet(name, target).code
    assert code.isascii()
    tree = ast.parse(code)
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {user, vhost} <= strings
    # The same statements as for harmless names: nothing of a name became code.
    plain = snippet(
        name, target_of("u", "v", tls=secure, server_name="s", round_trip=messages)
    ).code
    assert without_strings(tree) == without_strings(ast.parse(plain))


def without_strings(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def _by(escapes: Mapping[str, str], numbers: str) -> Callable[[str], str]:
    """A reader of literals: `escapes` by letter, and `numbers`, a pattern whose groups are hexadecimal
    but the one named octal."""
    pattern = re.compile(rf"\\(?:{numbers}|(.))", re.DOTALL)

    def one(found: re.Match[str]) -> str:
        if octal := found.groupdict().get("octal"):
            return chr(int(octal, 8))
        *digits, letter = (group for key, group in enumerate(found.groups()))
        if letter is not None:
            return escapes[letter]
        return chr(int(next(group for group in digits if group), 16))

    def read(literal: str) -> str:
        text = pattern.sub(one, literal[1:-1])
        # Code units of Java and JavaScript become characters.
        return text.encode("utf-16", "surrogatepass").decode("utf-16")

    return read


_COMMON = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
READERS: Mapping[str, Callable[[str], str]] = {
    "Java": _by(_COMMON, r"(?P<octal>[0-3][0-7]{2})"),
    "C#": _by(_COMMON, r"u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"),
    "JavaScript": _by(_COMMON, r"u([0-9a-fA-F]{4})"),
    "Go": _by(_COMMON, r"u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"),
}


def java_before_tokens(code: str) -> str:
    """What Java does first, everywhere in a file (JLS 3.3): \\uXXXX after an even number of
    backslashes is that character."""

    def one(found: re.Match[str]) -> str:
        return found[1] + chr(int(found[2], 16))

    return re.sub(r"(?<!\\)((?:\\\\)*)\\u+([0-9a-fA-F]{4})", one, code)


@pytest.mark.parametrize("name", OTHERS)
@given(user=NAMES, vhost=NAMES, secure=st.booleans(), messages=st.booleans())
def test_names_are_literals_by_the_rules_of_each_language(
    name: str, user: str, vhost: str, secure: bool, messages: bool
) -> None:
    made = snippet(name, target_of(user, vhost, tls=secure, round_trip=messages))
    code = made.code
    assert code.isascii()
    if made.language == "Java":
        code = java_before_tokens(code)
    literals = _STRING.findall(code)
    assert not any("\n" in one or "\r" in one for one in literals)
    assert {user, vhost} <= {READERS[made.language](one) for one in literals}
    plain = snippet(name, target_of("u", "v", tls=secure, round_trip=messages)).code
    assert _STRING.sub('""', code) == _STRING.sub('""', plain)


@given(user=NAMES, vhost=NAMES)
def test_the_uri_holds_the_names_percent_encoded_and_no_password(user: str, vhost: str) -> None:
    for server, uri in zip(
        target_of(user, vhost).servers, target_of(user, vhost).uris(), strict=True
    ):
        read = urlsplit(uri)
        assert (read.scheme, read.hostname, read.port) == ("amqps", server.host, server.port)
        assert unquote(read.username or "", errors="strict") == user
        assert read.password == "PASSWORD"
        assert unquote(read.path[1:], errors="strict") == vhost
        assert "/" not in read.path[1:]
        assert not read.query
        assert not read.fragment
        by_pika = URLParameters(uri)
        assert (by_pika.virtual_host, by_pika.credentials.username) == (vhost, user)


@given(user=NAMES.filter(str.strip), vhost=NAMES.filter(str.strip))
def test_kombu_reads_from_the_url_what_the_code_puts_in(user: str, vhost: str) -> None:
    code = snippet("kombu", target_of(user, vhost)).code
    body = ast.parse(code).body
    known: dict[str, object] = {}
    upto = next(i for i, node in enumerate(body) if isinstance(node, ast.With))
    lines = ast.Module(body[:upto], [])
    environment = {"RABBITMQ_PASSWORD": "p@ss/word;%"}
    source = ast.unparse(lines).replace("os.environ", repr(environment))
    exec(source, known)  # noqa: S102 – our own code is what is tested
    urls = known["urls"]
    assert isinstance(urls, list)
    for url in urls:
        read = parse_url(url)
        assert (read["userid"], read["virtual_host"], read["password"]) == (
            user,
            vhost,
            "p@ss/word;%",
        )


def test_no_code_holds_a_password() -> None:
    for name in CLIENTS:
        code = snippet(name, target_of("app", "/")).code
        assert "RABBITMQ_PASSWORD" in code


def test_code_names_every_host_and_what_tls_needs() -> None:
    for name, client in CLIENTS.items():
        code = snippet(name, target_of("app", "/")).code
        assert "mq.example" in code
        assert "::1" in code
        assert "ca.pem" in code
        assert ("client.p12" if name == "java" else "client-key.pem") in code
        plain = snippet(
            name, target_of("app", "/", tls=False, ca_file=False, client_certificate=False)
        ).code
        for word in ("pem", "tls", "ssl_"):
            assert word not in plain.lower().replace("ssl_options=none", ""), (client.label, word)
