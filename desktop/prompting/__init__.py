"""From what the user typed to the text the model sees."""
