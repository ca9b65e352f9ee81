"""Reverts: the inverse of finished changes as a proposal, with the rights that it needs."""
