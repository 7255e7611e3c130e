"""Tiny random models of many families, made in the test: the shapes that an adapter stack meets."""

from __future__ import annotations

import torch

SMALL = {
    "vocab_size": 96, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128,
}  # fmt: skip

FAMILIES = {
    "llama": ("LlamaConfig", SMALL),
    "mistral": ("MistralConfig", SMALL),
    "qwen3": ("Qwen3Config", {**SMALL, "head_dim": 16}),
    "qwen3_moe": ("Qwen3MoeConfig", {**SMALL, "head_dim": 16, "moe_intermediate_size": 32, "num_experts": 4,
                                     "num_experts_per_tok": 2}),
    "gemma3": ("Gemma3TextConfig", {**SMALL, "head_dim": 16}),
    "phi3": ("Phi3Config", {**SMALL, "pad_token_id": 0}),
    "gpt2": ("GPT2Config", {"vocab_size": 96, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128}),
    "gpt_neox": ("GPTNeoXConfig", {key: SMALL[key] for key in SMALL if key != "num_key_value_heads"}),
    "opt": ("OPTConfig", {"vocab_size": 96, "hidden_size": 64, "ffn_dim": 96, "num_hidden_layers": 2,
                          "num_attention_heads": 4, "max_position_embeddings": 128, "word_embed_proj_dim": 64}),
    "falcon": ("FalconConfig", {"vocab_size": 96, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
                                "new_decoder_architecture": False, "multi_query": True, "alibi": False}),
}  # fmt: skip


def make_family(name: str, dtype=torch.float32):
    """A random model, in evaluation mode, without gradients; the same weights in every run."""
    import transformers

    config_class, values = FAMILIES[name]
    config = getattr(transformers, config_class)(**values)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).to(dtype).eval()
    for parameter in model.parameters():
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
        parameter.requires_grad_(False)
    return model


def targets(model) -> dict[str, torch.nn.Module]:
    """Every module an adapter may act on: linears, GPT-2's Conv1D and embeddings of tokens."""
    kinds = ("Linear", "Conv1D")
    linears = {name: module for name, module in model.named_modules() if type(module).__name__ in kinds}
    tokens = model.get_input_embeddings()
    names = {name: module for name, module in model.named_modules() if module is tokens}
    return linears | names
