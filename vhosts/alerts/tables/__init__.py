"""The tables of alerts: rules, incidents with their log, maintenance windows, owners."""
