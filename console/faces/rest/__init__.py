"""What every part's REST API stands on: strict bodies and queries, pages, problems, throttles."""
