"""Signs of life: write them and check them."""
