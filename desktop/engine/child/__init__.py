"""The side of the engine that runs in its own process."""
