"""What a worker does to run a job."""
