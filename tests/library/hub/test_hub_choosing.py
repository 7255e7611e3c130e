"""Model or adapter, and which files: from the names of real repositories."""

from __future__ import annotations

import pytest

from desktop.library.hub.choosing import choose
from desktop.library.hub.problems import HubError
from desktop.library.hub.record import RemoteFile, Wish

TEXTS = ["config.json", "tokenizer.json", "README.md", "LICENSE"]
SHARDS = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
BINS = [f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]


def chosen(paths, include=(), exclude=(), text_only=False, sizes=()):
    files = [RemoteFile(path, dict(sizes).get(path, 100), sha1="0") for path in paths]
    choice = choose(files, Wish(tuple(include), tuple(exclude), text_only))
    assert {file.path for file in choice.files} | set(choice.left_out) == set(paths)
    return choice.kind, {file.path for file in choice.files}


@pytest.mark.parametrize(
    ("needed", "others"),
    [
        ([*TEXTS, "model.safetensors"], ["pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", ".gitattributes"]),
        ([*TEXTS, *SHARDS, "model.safetensors.index.json"], [*BINS, "pytorch_model.bin.index.json"]),
        ([*TEXTS, *SHARDS], ["consolidated.safetensors", "original/consolidated.00.pth", "original/params.json"]),
        ([*TEXTS, *SHARDS], ["model.safetensors", "onnx/model.onnx", "m.Q4_K_M.gguf"]),
        ([*TEXTS, "model.safetensors"], ["model.fp16.safetensors", "adapter_model.safetensors"]),
        ([*TEXTS, *BINS, "pytorch_model.bin.index.json"], ["training_args.bin", "optimizer.pt", "scheduler.pt"]),
        ([*TEXTS, "gptq_model-4bit-128g.safetensors", "quantize_config.json"], []),
        (["config.json", "llama-7b-4bit-128g.pt", "tokenizer.model"], ["images/a.png"]),
        (["README.md", "m.Q8_0-00001-of-00002.gguf", "m.Q8_0-00002-of-00002.gguf"], ["mmproj-m.gguf"]),
        ([*TEXTS, "model.safetensors", "adapter_config.json"], ["adapter_model.bin"]),
        ([*TEXTS, "modeling_x.py", "chat_template.jinja", "model.safetensors"], ["runs/x/events", "eval/a.json"]),
    ],
)
def test_what_a_model_needs(needed, others):
    assert chosen([*needed, *others]) == ("model", set(needed))


@pytest.mark.parametrize(
    ("needed", "others"),
    [
        (["adapter_config.json", "adapter_model.safetensors", "README.md"], ["adapter_model.bin", "optimizer.pt"]),
        (["adapter_config.json", "adapter_model.bin", "tokenizer.model"], ["training_args.bin", "rng_state.pth"]),
        (["adapter_config.json", "adapter_model.safetensors", "config.json"], ["checkpoint-1/adapter_model.bin"]),
        (["lora/adapter_config.json", "lora/adapter_model.safetensors"], ["lora/optimizer.pt"]),
        (["a/adapter_config.json", "a/adapter_model.bin", "b/adapter_config.json", "b/adapter_model.safetensors"], []),
        (["adapter_model.bin"], []),
    ],
)
def test_what_an_adapter_needs(needed, others):
    assert chosen([*needed, *others]) == ("adapter", set(needed))


def test_several_quantisations_are_asked_for_with_their_sizes():
    sizes = {
        "m.Q4_K_M.gguf": 4_000_000_000,
        "m.Q8_0-00001-of-00002.gguf": 5 * 10**9,
        "m.Q8_0-00002-of-00002.gguf": 10**9,
    }
    with pytest.raises(HubError) as caught:
        chosen([*sizes, "README.md"], sizes=sizes.items())
    assert caught.value.kind == "choice"
    assert "4.00 GB  m.Q4_K_M.gguf\n" in str(caught.value)
    assert "6.00 GB  m.Q8_0.gguf" in str(caught.value)
    assert chosen([*sizes, "README.md"], include=["*Q8_0*"])[1] == {*list(sizes)[1:], "README.md"}
    assert chosen([*sizes, "README.md"], exclude=["*Q8_0*"])[1] == {"m.Q4_K_M.gguf", "README.md"}


def test_what_is_asked_for_by_name():
    every = [*TEXTS, *SHARDS, "m.Q4_K_M.gguf", "original/params.json"]
    assert chosen(every, include=["*Q4_K_M*"])[1] == {*TEXTS, "m.Q4_K_M.gguf"}
    assert chosen(every, include=["original/*", "*.safetensors"])[1] == {*TEXTS, *SHARDS, "original/params.json"}
    assert chosen(every, exclude=["*.md", "m.*"])[1] == {*TEXTS, *SHARDS} - {"README.md"}
    assert chosen(every, text_only=True)[1] == set(TEXTS)
    with pytest.raises(HubError, match=r"No file matches --include. There are: .*Q4_K_M"):
        chosen(every, include=["*Q9*"])
    with pytest.raises(HubError, match="no file is left"):
        chosen(every, exclude=["*"])


def test_a_repository_without_weights_is_told():
    with pytest.raises(HubError, match="no weights this program can use"):
        chosen(["README.md", "model.onnx"])
