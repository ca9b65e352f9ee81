"""Pages and API of jobs that move messages."""
