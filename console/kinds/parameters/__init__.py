"""Kinds whose objects are runtime parameters of one component."""
