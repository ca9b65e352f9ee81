"""Permissions of users × virtual hosts as a table, and the forms that edit them."""
