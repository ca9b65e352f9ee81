"""Definitions of a fleet in a folder, for Git: a folder for each broker, in it one file for each
virtual host, and `_broker.json` for what belongs to the whole broker. What is applied from a folder
is owned by it."""
