"""The window: panels that emit intents and show facts; they know neither each other nor the session."""
