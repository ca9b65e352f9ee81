"""Limits of virtual hosts and users, one by one."""
