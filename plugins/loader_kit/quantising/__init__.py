"""Quantises a model's linears with GPTQ (arXiv 2210.17323) and writes the checkpoint as AutoGPTQ lays it out."""
