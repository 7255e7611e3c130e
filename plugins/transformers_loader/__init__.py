"""Loads models with transformers: 16, 8 and 4 bits, on the CPU and on accelerators."""
