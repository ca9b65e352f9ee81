"""Many messages from a file: checked as a whole before anything is sent, then sent line by line."""
