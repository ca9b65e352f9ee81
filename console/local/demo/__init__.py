"""`bin/up --demo`: what it declares, and who publishes and consumes there."""
