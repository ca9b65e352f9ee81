"""Send dead letters back: what would happen, the job, and when to stop it. And delete them."""
