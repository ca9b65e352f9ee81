"""What a console user may do, and where."""
