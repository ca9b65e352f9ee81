"""What Fleet shows under *Needs attention*: the sources over both apps, and how they are grouped by harm.

Apps below give sources of their own through `console.faces.attention`."""
