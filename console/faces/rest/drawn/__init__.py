"""Serializers, filters and orders of a kind in the API, drawn from its face."""
