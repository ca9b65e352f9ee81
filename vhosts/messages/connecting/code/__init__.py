"""Code to copy, by client library. Pure: it turns a `Target` into text and reads nothing.

Every name goes through the literal function of its language (`literals.py`), so no name can end a
string or start another statement. None stands in a comment.
"""
