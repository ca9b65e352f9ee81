"""Signs of life: who gives them, and who checks them."""
