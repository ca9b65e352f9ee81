"""The tables of the history."""
