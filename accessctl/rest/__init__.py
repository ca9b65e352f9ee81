"""The API of users, permissions and access."""
