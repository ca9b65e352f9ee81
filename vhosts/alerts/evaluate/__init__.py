"""Evaluate rules over stored rows, and move incidents from state to state."""
