"""How the objects of a virtual host hang together: who refers to whom, and the map of all."""
