"""A training run's folder, as the detached engine that owns it and everybody who watches it read and write it."""
