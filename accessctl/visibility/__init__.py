"""Which changes, managed objects and audit entries a console user may see."""
