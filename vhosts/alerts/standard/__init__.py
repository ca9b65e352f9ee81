"""The standard rules: stored switched off, ready to switch on."""
