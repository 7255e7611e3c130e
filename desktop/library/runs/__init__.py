"""Training runs in the library: making them, reading what became of them, going on with them."""
