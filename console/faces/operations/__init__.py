"""Acts on one object, and operations on the selected objects of a list: declared once, drawn as pages
and API."""
