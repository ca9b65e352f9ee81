"""Listen to an exchange, or to what the bindings of a queue route, as messages come.

`targets.py` says what can be tapped and by whom, `sources.py` which bindings a tap copies, `runner.py` runs a tap,
`buffer.py` keeps its last messages, `viewers.py` joins, reads and leaves. The tap itself is in
console/rabbitmq/amqp/reading/tap.py.
"""
