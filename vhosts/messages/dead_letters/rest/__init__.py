"""Dead letters in the API."""
