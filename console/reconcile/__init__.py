"""Comparing what should be on a broker with what is, as pure data. No Django, no input or output."""
