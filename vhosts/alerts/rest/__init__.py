"""The API of alert rules, of the file of rules, and of channels."""
