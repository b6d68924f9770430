"""A month of errands by the product's own services and a clock of its own; then the books."""
