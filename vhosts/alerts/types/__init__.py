"""What alert rules can measure: one declaration for each type, by what it is about."""
