"""Dashboards that a team composes of charts, and how a person wants Fleet shown."""
