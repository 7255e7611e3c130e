"""The formats that well-known chat models were trained with. BOS is left to the tokenizer."""

from __future__ import annotations

from .turns import Around, Turns

CHATML = Turns(
    system=Around("<|im_start|>system\n", "<|im_end|>\n"),
    user=Around("<|im_start|>user\n", "<|im_end|>\n"),
    assistant=Around("<|im_start|>assistant\n", "<|im_end|>\n"),
    answer="<|im_start|>assistant\n",
)
VICUNA = Turns(
    system=Around("", " "),
    default_system="A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions.",
    user=Around("USER: ", " "),
    assistant=Around("ASSISTANT: ", "</s>"),
    answer="ASSISTANT:",
)
LLAMA_2 = Turns(
    system=Around("<<SYS>>\n", "\n<</SYS>>\n\n"),
    system_inside=True,
    user=Around("[INST] ", " [/INST]"),
    assistant=Around(" ", " </s><s>"),
    answer="",
)
LLAMA_3 = Turns(
    system=Around("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
    user=Around("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
    assistant=Around("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    answer="<|start_header_id|>assistant<|end_header_id|>\n\n",
)
MISTRAL = Turns(
    system=Around("", "\n\n"),
    system_inside=True,
    user=Around("[INST] ", " [/INST]"),
    assistant=Around(" ", "</s>"),
    answer="",
)
GEMMA = Turns(
    system=Around("", "\n\n"),
    system_inside=True,
    user=Around("<start_of_turn>user\n", "<end_of_turn>\n"),
    assistant=Around("<start_of_turn>model\n", "<end_of_turn>\n"),
    answer="<start_of_turn>model\n",
)
PHI_3 = Turns(
    system=Around("<|system|>\n", "<|end|>\n"),
    user=Around("<|user|>\n", "<|end|>\n"),
    assistant=Around("<|assistant|>\n", "<|end|>\n"),
    answer="<|assistant|>\n",
)

MARKS = (
    ("<|im_start|>", "chatml"),
    ("<|start_header_id|>", "llama-3"),
    ("<start_of_turn>", "gemma"),
    ("<<SYS>>", "llama-2"),
    ("[INST]", "mistral"),
    ("<|end|>", "phi-3"),
    ("### Entrée:", "alpaca-fr"),
    ("### Réponse:", "alpaca-fr"),
    ("### Instruction:", "alpaca"),
    ("ASSISTANT:", "vicuna"),
)
"""Texts that tell a format apart wherever they stand, the most telling first, and the template's name."""


def name_by_marks(text: str) -> str:
    """Name of the template that a text or a Jinja template was written for; empty where it holds no mark."""
    name = next((name for mark, name in MARKS if mark in text), "")
    compact = name.startswith("alpaca") and "\n### " in text and "\n\n### " not in text
    return f"{name}-compact" if compact else name
