"""The console's own accounts: create, sign in, passwords."""
