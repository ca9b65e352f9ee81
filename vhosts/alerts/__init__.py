"""Alerts: rules over what polls and inventories stored, their incidents, who is responsible."""
