"""Loads AutoGPTQ and GPTQModel checkpoints."""
