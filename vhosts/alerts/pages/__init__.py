"""The pages of alerts: incidents, rules, channels, messages, maintenance and owners."""
