"""An answer of the router as JSON, for the API and for `manage.py routes`."""

from __future__ import annotations

from typing import Any

from vhosts.routing.core.trace import After, Step, Trace


def trace_json(trace: Trace) -> dict[str, Any]:
    return {
        "verdict": trace.verdict,
        "sentence": trace.sentence,
        "exchange": trace.exchange,
        "routing_keys": list(trace.keys),
        "queues": list(trace.queues),
        "possible_queues": list(trace.possible),
        "returned": trace.returned,
        "refused": None
        if trace.refusal is None
        else {"code": trace.refusal.code, "sentence": trace.refusal.sentence},
        "tree": None if trace.root is None else step_json(trace.root),
        "near_misses": [{"exchange": near.exchange, **step_json(near.step)} for near in trace.near],
        "after": [after_json(after) for after in trace.after],
        "notes": list(trace.notes),
        "incomplete": list(trace.incomplete),
    }


def step_json(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "name": step.name,
        "type": step.type,
        "outcome": step.outcome,
        "reason": step.reason,
        "via": step.via,
        "binding_key": step.key,
        "arguments": dict(step.arguments),
        "steps": [step_json(one) for one in step.steps],
        "matched": step.matched,
        "unmatched": step.unmatched,
        "left_out": step.left_out,
    }


def after_json(after: After) -> dict[str, Any]:
    dead = after.dead
    return {
        "queue": after.queue,
        "type": after.type,
        "facts": list(after.facts),
        "cycle": after.cycle,
        "dead_letters": None
        if dead is None
        else {
            "if": list(dead.reasons),
            "exchange": dead.exchange,
            "sentence": dead.sentence,
            "tree": None if dead.root is None else step_json(dead.root),
            "queues": list(dead.queues),
            "possible_queues": list(dead.possible),
            "then": [after_json(one) for one in dead.then],
        },
    }
