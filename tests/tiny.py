"""Tiny models, tokenizers and adapters on disk, in the formats users have. Made anew in every test run."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

TEXT = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request. "
    "The capital of France is Paris. Élève, garçon, où êtes-vous? Größe, naïve, smörgåsbord. 北京 東京 🙂🚀🌍 "
    "0123456789 ### Instruction: ### Response: <|im_start|> user assistant {}[]()<>=+-*/ "
    "the quick brown fox jumps over the dog\n"
)
HIDDEN, INTERMEDIATE, LAYERS = 64, 96, 2
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer(folder: Path, *, chat_template: bool = True):
    """A byte-level BPE tokenizer trained on a paragraph; returns it as transformers loads it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT] * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|im_end|>",
        clean_up_tokenization_spaces=False,
    )
    if chat_template:
        fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return fast


def tiny_config(**changes):
    """A Llama of a few thousand weights whose sizes suit bitsandbytes (multiples of 32 and 64)."""
    from transformers import LlamaConfig

    values = {
        "vocab_size": 320,
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "tie_word_embeddings": True,
    }
    return LlamaConfig(**(values | changes))


def make_model(
    folder: Path, *, dtype=torch.float32, shards: bool = False, binary: bool = False, seed: int = 0, **config
):
    """A tiny Llama folder with its tokenizer; returns the model in memory."""
    from transformers import LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(tiny_config(**config)).to(dtype).eval()
    # Larger than the usual start, so that the logits differ enough for a greedy choice to mean something.
    for parameter in model.parameters():
        parameter.data.mul_(4) if parameter.dim() > 1 else None
    model.save_pretrained(folder, max_shard_size="60KB" if shards else "5GB")
    make_tokenizer(folder)
    if binary:
        _to_binary(folder)
    return model


def _to_binary(folder: Path) -> None:
    """Turn the safetensors of a folder into the .bin files of older times."""
    from safetensors.torch import load_file

    for file in list(folder.glob("*.safetensors")):
        name = file.name.replace("model", "pytorch_model", 1).replace(".safetensors", ".bin")
        torch.save(load_file(file), folder / name)
        file.unlink()
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        content = json.loads(index.read_text())
        content["weight_map"] = {
            key: name.replace("model", "pytorch_model", 1).replace(".safetensors", ".bin")
            for key, name in content["weight_map"].items()
        }
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(content))
        index.unlink()


def linear_names(model) -> list[str]:
    """All linears of the transformer's layers, by module name."""
    return [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and "layers" in name]


def make_adapter(  # noqa: PLR0913 - a test names the one or two it cares about
    folder: Path,
    model,
    *,
    rank: int = 4,
    alpha: float = 8,
    seed: int = 1,
    modules=None,
    binary=False,
    dtype=torch.float32,
    prefix="base_model.model.",
    ranks=None,
    **config,
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """A LoRA folder as PEFT writes it, with random factors; returns them (A, B) by module name."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    sizes = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    names = modules or [name for name in linear_names(model) if name.endswith(("q_proj", "v_proj", "down_proj"))]
    factors = {}
    for name in names:
        r = (ranks or {}).get(name, rank)
        a = torch.randn(r, sizes[name].in_features, generator=generator) / 8
        b = torch.randn(sizes[name].out_features, r, generator=generator) / 4
        factors[name] = (a.to(dtype), b.to(dtype))
    tensors = {}
    for name, (a, b) in factors.items():
        tensors[f"{prefix}{name}.lora_A.weight"] = a
        tensors[f"{prefix}{name}.lora_B.weight"] = b
    if binary:
        torch.save(tensors, folder / "adapter_model.bin")
    else:
        save_file(tensors, folder / "adapter_model.safetensors")
    content = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "tiny/llama",
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.05,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted({name.rpartition(".")[2] for name in names}),
    }
    (folder / "adapter_config.json").write_text(json.dumps(content | config))
    return factors


def merged_float64(model, stack):
    """A float64 copy of the model with sum of weight * scaling * B A added to its weights: the written reference.

    `stack` is a list of (factors, scaling by module name, weight).
    """
    import copy

    reference = copy.deepcopy(model).double()
    modules = dict(reference.named_modules())
    for factors, scaling, weight in stack:
        for name, (a, b) in factors.items():
            modules[name].weight.data += weight * scaling(name) * (b.double() @ a.double())
    return reference
