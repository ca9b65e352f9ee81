"""What became of a message, in words: a title, what happened and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from vhosts.messages.publishing.model import PublishState

_NO_ROUTE = 312
_LOST = "The message was sent, but the broker's answer was lost."
_FAILED = "The message was sent, and the broker failed instead of answering."


@dataclass(frozen=True, slots=True)
class Verdict:
    """`tone`: ok, warn, bad or busy, as notes have. `advice` is "" where nothing is to be done."""

    tone: str
    title: str
    text: str
    advice: str = ""


def verdict_of(
    state: str, code: int | None, text: str, *, delay: int | None = None, limits: str = ""
) -> Verdict:
    """Return the verdict. `delay`: milliseconds for which the exchange holds it. `limits`: which
    queues on its way refuse messages when they are full, as a sentence."""
    reply = f"RabbitMQ answered {code} {text}." if code else text
    if state == PublishState.CONFIRMED and delay:
        return Verdict(
            "ok", "Confirmed", f"The broker holds the message for {delay:,} ms and routes it then.",
            "Whether a queue gets it then, RabbitMQ doesn't confirm.",
        )  # fmt: skip
    if state == PublishState.CONFIRMED:
        return Verdict(
            "ok", "Confirmed in queues", "The broker has it in every queue that gets it."
        )
    if state == PublishState.RETURNED:
        why = "No queue gets this message, so RabbitMQ returned it." if code == _NO_ROUTE else ""
        return Verdict(
            "warn", "Not routed", f"{why} {reply}".strip(),
            "It is in no queue. Check the routing key, the headers and the bindings.",
        )  # fmt: skip
    if state == PublishState.REFUSED and code is None and not text:
        return Verdict(
            "bad", "Refused", "The broker didn't accept the message (basic.nack), without a reason. "
            + (limits or "Usually a queue that refuses messages when it is full is at its limit."),
            "Other queues may have got their copy.",
        )  # fmt: skip
    if state == PublishState.REFUSED:
        return Verdict("bad", "Refused", reply, _advice(code, text))
    if state == PublishState.UNKNOWN:
        return Verdict(
            "warn", "Unknown", f"{_FAILED if code else _LOST} {reply}".strip(),
            "It may have arrived or not. It isn't sent again; look into the queue before you send another.",
        )  # fmt: skip
    if state == PublishState.FAILED:
        return Verdict(
            "bad", "Not sent", reply, "Nothing reached the broker. You can publish again."
        )
    return Verdict(
        "busy", "Being sent", "The broker hasn't answered yet.", "Reload to see the outcome."
    )


def _advice(code: int | None, text: str) -> str:
    if code == 403 and "internal" in text:
        return "Publish to an exchange that is bound to it."
    if code == 403:
        return (
            "Give the user write permission on the exchange, or the topic permission for the key."
        )
    if code == 404:
        return "Create the exchange, or choose another one."
    if code == 406 and "user_id" in text:
        return "Leave the user ID empty, or use the user named above."
    if code == 406 and "size" in text:
        return "Send a smaller message, or raise max_message_size on the broker."
    return ""
