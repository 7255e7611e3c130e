"""Loads GPTQ-for-LLaMa checkpoints of every era."""
