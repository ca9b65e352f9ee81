"""The console's own accounts: invite, sign in, passwords."""
