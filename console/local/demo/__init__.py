"""`bin/up --demo`: what it declares, and the producers and consumers it runs."""
