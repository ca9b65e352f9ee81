"""Read messages of a queue or stream without taking them: whether it is safe, the reading itself,
and what was read for as long as somebody looks at it."""
