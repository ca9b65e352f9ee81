"""What a person may do in the console, and where."""
