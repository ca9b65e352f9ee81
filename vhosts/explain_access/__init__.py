"""Explain access on facts from the mirror."""
