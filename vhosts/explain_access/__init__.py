"""Explain access, based on the mirror."""
