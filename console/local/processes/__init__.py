"""The processes that bin/up starts and keeps running."""
