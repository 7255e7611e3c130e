"""Loads GPTQ and EXL2 checkpoints with ExLlama and ExLlamaV2."""
