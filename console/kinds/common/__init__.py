"""What every kind is made of: fields, identity, wire, words. Names no kind."""
