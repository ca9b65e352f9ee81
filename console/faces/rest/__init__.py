"""The base of all REST APIs: strict bodies and queries, pages, errors, throttles."""
