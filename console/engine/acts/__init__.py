"""Acts: operations on a broker that aren't a desired state, such as purging a queue.

An act is a step of a change like any other: accepted once, its author's right checked again, stopped
while it isn't sent. But it is sent at most once, its object doesn't become managed, and its result is
a sentence.
"""
