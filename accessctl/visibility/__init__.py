"""Which changes, managed objects and audit entries a person may see."""
