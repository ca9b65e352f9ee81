"""Pages and API of peeking."""
