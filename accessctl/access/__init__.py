"""The Access pages: people, groups, grants, tokens, sessions."""
