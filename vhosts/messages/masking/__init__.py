"""Rules that hide headers and parts of bodies from readers, by their roles."""
