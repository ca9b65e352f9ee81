"""Nodes as the management API tells them: rows, and what becomes of them."""
