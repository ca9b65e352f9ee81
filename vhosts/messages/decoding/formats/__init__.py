"""One module for each format of a body."""
