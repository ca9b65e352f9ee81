"""The services of Apprise that a channel may use.

An allow-list: Apprise also knows local ones (desktop notifications, syslog, commands) and protocols
that the guard of the sending process can't follow. Every service here speaks HTTP(S) or SMTP only.
tests/alerts/test_services.py compares the list with the installed Apprise.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

ALLOWED: Final = frozenset(
    ["46elks", "apprise", "apprises", "atalk", "azure", "bark", "barks", "betterstack", "brevo", "bulksms", "bulkvs", "burstsms", "chanify", "clickatell", "clicksend", "cliq", "cm", "d7sms", "dapnet", "dingtalk", "discord", "dot", "elks", "enigma2", "enigma2s", "evolution", "evolutions", "exotel", "feishu", "firehydrant", "flock", "flowtriq", "flowtriqs", "fluxer", "fluxers", "form", "forms", "freemobile", "gchat", "github", "goalert", "goalerts", "gorush", "gorushs", "gotify", "gotifys", "groundmail", "groupme", "gupshup", "hassio", "hassios", "httpsms", "humhub", "humhubs", "ifttt", "ilert", "incidentio", "infobip", "jira", "join", "json", "jsons", "kakao", "kakaotalk", "kaleyra", "kavenegar", "klr", "kook", "kudosity", "kumulos", "lametric", "lametrics", "lark", "lauther", "lfg", "line", "mailersend", "mailgun", "mailto", "mailtos", "mastodon", "mastodons", "misskey", "misskeys", "mmost", "mmosts", "mobilemessage", "mobilemsg", "msg91", "msgbird", "ncloud", "nclouds", "nctalk", "nctalks", "nexmo", "notica", "noticas", "notifiarr", "notifico", "notificos", "notifyre", "ntfy", "ntfys", "o365", "octopush", "onebot", "onebots", "onesignal", "opsgenie", "pagerduty", "pagertree", "parsep", "parseps", "pbul", "pinglet", "pinglets", "pingram", "pjet", "pjets", "plivo", "postmark", "pover", "prowl", "psafer", "psafers", "push", "pushdeer", "pushdeers", "pushed", "pushme", "pushplus", "pushward", "pushy", "qq", "reddit", "resend", "revolt", "ringc", "rocket", "rockets", "ryver", "schan", "sendgrid", "sendpulse", "serwersms", "ses", "seven", "sfr", "signal", "signals", "signalgrid", "signl4", "simplepush", "sinch", "slack", "smsc", "smseagle", "smseagles", "smsmanager", "smsmgr", "smstunnel", "smtp2go", "sns", "sparkpost", "spike", "splunk", "spugpush", "spush", "squadcast", "stackfield", "strmlabs", "synology", "synologys", "telesign", "telnyx", "tgram", "threema", "toot", "toots", "trigv", "trigvs", "twilio", "twist", "viber", "victorops", "voipms", "vonage", "webex", "wechat", "wecom", "wecombot", "whapi", "whatsapp", "workflow", "workflows", "wpush", "wxpusher", "wxteams", "xmatters", "xml", "xmls", "youlmk", "zalo", "zcliq", "zohocliq", "zoom", "zulip"]
)  # fmt: skip
#: Parameters of Apprise that name a file or another address to read.
_READS = frozenset(
    {
        "template",
        "keyfile",
        "subfile",
        "pgp",
        "pgpkey",
        "smime",
        "attach",
        "config",
        "include",
        "tokens",
    }
)
_SCHEME = re.compile(r"([A-Za-z0-9+.-]+)://", re.ASCII)
_LONGEST = 4000


class BadChannel(ValueError):
    """The address can't be a channel. The message is one sentence and contains no part of the secret."""


def check_address(text: str) -> str:
    """Return the scheme, in lower case. Raises BadChannel unless the address is one of an allowed service
    that reads no file."""
    if len(text) > _LONGEST:
        raise BadChannel(f"The address is longer than {_LONGEST} characters.")
    if any(ord(character) <= 32 or ord(character) == 127 for character in text):
        raise BadChannel(
            "The address contains a space or a control character. Write a space as %20."
        )
    found = _SCHEME.match(text)
    if found is None:
        raise BadChannel("The address must begin with a service of Apprise, such as slack://.")
    scheme = found[1].lower()
    if scheme not in ALLOWED:
        raise BadChannel(
            f"Channels can't use {scheme[:40]}://. Use a service that is reached over HTTP(S) or SMTP."
        )
    for name in _parameters(text):
        if name in _READS:
            raise BadChannel(f"Remove the parameter {name}: channels read no files.")
    return scheme


def host_of(text: str) -> str:
    """Return the host that the address names, "" if it names none that can be read. Some services keep a
    token there: only compare it, don't show it."""
    try:
        return (urlsplit(_SCHEME.sub("http://", text, count=1)).hostname or "").lower()
    except ValueError:
        return ""


def _parameters(text: str) -> list[str]:
    query = text.partition("?")[2]
    return [
        unquote(name).lstrip("+-:").lower() for name, _ in parse_qsl(query, keep_blank_values=True)
    ]
