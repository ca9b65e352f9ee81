"""What every transport shares: address checks, deadlines, TLS."""
