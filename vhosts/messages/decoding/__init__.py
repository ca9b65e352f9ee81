"""Turn the bytes of a message's body into text that a person can read.

No Django. Each decoder is a module that returns a result or raises Undecodable with the reason.
Everything is bounded: what is larger than a limit isn't decoded, and the result says so.
"""
