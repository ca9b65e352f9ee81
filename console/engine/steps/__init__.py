"""The rows of steps: which are due, which have begun, how they ended."""
