"""LoRA Deck: run language models on your own machine and shape them with LoRA adapters."""

__version__ = "0.1.0"
