"""GPTQ checkpoints of every era through both loaders: the plain weights' logits, and words for what fails."""

from __future__ import annotations

import json

import pytest
import torch

from autogptq_loader.loading import zero_convention
from desktop.api import GenerateRequest, LoaderError, LogitsRequest, Sampling
from tests import tiny
from tests.plugins.gptq_loaders import load_with, plain_twin
from tests.plugins.gptq_reader import read_layer
from tests.plugins.gptq_writer import write_checkpoint

PROMPT = "The capital of France"
CHECKPOINTS = [
    # loader, what is written, how it is to be read
    ("autogptq", {"writer": "autogptq"}),
    ("autogptq", {"writer": "autogptq", "act_order": True, "bits": 8}),
    ("autogptq", {"writer": "gptqmodel", "bits": 2, "file": "gptq_model-2bit-32g.safetensors"}),
    ("autogptq", {"writer": "v2", "bits": 3, "group_size": -1}),
    ("autogptq", {"writer": "autogptq", "file": "gptq_model-4bit-32g.bin"}),
    ("gptq_llama", {"era": "zeros", "group_size": -1, "file": "tiny-4bit.pt"}),
    ("gptq_llama", {"era": "zeros", "bits": 3, "group_size": -1, "file": "tiny-3bit.safetensors"}),
    ("gptq_llama", {"era": "qzeros", "file": "tiny-4bit-32g.pt"}),
    ("gptq_llama", {"era": "qzeros", "group_size": -1, "bits": 2, "file": "tiny-2bit.safetensors"}),
    ("gptq_llama", {"act_order": True, "file": "4bit-32g.safetensors"}),
    ("gptq_llama", {"bits": 8, "group_size": 64, "file": "tiny-8bit-64g.pt"}),
]


def write(tmp_path, tiny_folder, loader, how):
    own = {"writer": "gptq_for_llama", "config": False} if loader == "gptq_llama" else {}
    how = own | how
    return tmp_path / "model", write_checkpoint(tmp_path / "model", tiny_folder, **how), how


def logits_of(model, **request):
    got = model.logits(LogitsRequest(prompt=PROMPT, last=100, **request))
    return torch.frombuffer(bytearray(got.data), dtype=torch.float32).view(got.positions, got.vocabulary)


@pytest.mark.parametrize(("loader", "how"), CHECKPOINTS, ids=lambda value: value if isinstance(value, str) else None)
def test_logits_are_those_of_the_plain_weights(tmp_path, tiny_folder, loader, how):
    folder, layers, how = write(tmp_path, tiny_folder, loader, how)
    model = load_with(loader, folder, dtype="float32")
    bits, size = how.get("bits", 4), how.get("group_size", 32)
    for name, layer in layers.items():
        read = read_layer(layer, bits, size, how.get("writer", "autogptq"))
        assert torch.equal(model.model.get_submodule(name).dequantise(), torch.from_numpy(read)), name
    wanted = logits_of(type(model)(plain_twin(model.model), model.tokenizer, model.info, frozenset()))
    assert (logits_of(model) - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    assert (model.info.bits, model.info.dtype) == (bits, "float32")
    assert model.info.parameters == 82_240


@pytest.mark.parametrize(("loader", "how"), [CHECKPOINTS[0], CHECKPOINTS[9]])
def test_4_bits_on_the_cpu_decode_with_torch_s_kernel(tmp_path, tiny_folder, loader, how):
    folder, layers, _ = write(tmp_path, tiny_folder, loader, how)
    model = load_with(loader, folder, device="cpu")
    assert model.info.dtype == "bfloat16"
    assert all(model.model.get_submodule(name).has_kernel for name in layers)
    plain = type(model)(plain_twin(model.model), model.tokenizer, model.info, frozenset())
    wanted = logits_of(plain)
    assert (logits_of(model) - wanted).abs().max() <= 2**-4 * wanted.abs().max()
    request = GenerateRequest(prompt=PROMPT, sampling=Sampling(greedy=True), max_new_tokens=8)
    first = [chunk.tokens for chunk in model.generate(request)]
    assert first
    assert [chunk.tokens for chunk in model.generate(request)] == first


def test_the_folder_may_be_renamed_away_after_loading(tmp_path, tiny_folder):
    folder, _, _ = write(tmp_path, tiny_folder, "autogptq", {})
    model = load_with("autogptq", folder)
    before = logits_of(model)
    folder.rename(tmp_path / "elsewhere")
    assert torch.equal(logits_of(model), before)


def test_a_llama_folder_of_2023(tmp_path):
    """Only a SentencePiece model, class names of its own, rotary frequencies in the file, empty special tokens."""
    import sentencepiece

    (tmp_path / "text.txt").write_text(tiny.TEXT * 3)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text.txt"), model_prefix=str(tmp_path / "tokenizer"), vocab_size=380, model_type="bpe",
        byte_fallback=True, minloglevel=2, character_coverage=0.98,
    )  # fmt: skip
    tiny.make_model(tmp_path / "source", vocab_size=384)
    folder = tmp_path / "model"
    file = "llama-7b-4bit-32g.pt"
    write_checkpoint(folder, tmp_path / "source", writer="gptq_for_llama", config=False, file=file)
    content = torch.load(folder / file)
    content["lm_head.weight"] = content["model.embed_tokens.weight"].clone()
    content["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    torch.save(content, folder / file)
    for name in ("tokenizer.json", "chat_template.jinja", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    (tmp_path / "tokenizer.model").rename(folder / "tokenizer.model")
    empty = {"bos_token": "", "eos_token": "", "unk_token": "", "tokenizer_class": "LLaMATokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(empty))
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["LLaMAForCausalLM"], "pad_token_id": -1, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config | {"bos_token_id": 0, "eos_token_id": 1}))
    model = load_with("gptq_llama", folder, dtype="float32")
    assert model.info.architecture == "LlamaForCausalLM"
    ids = model.tokenizer("The capital of France")["input_ids"]
    assert ids[0] == 1
    wanted = logits_of(type(model)(plain_twin(model.model), model.tokenizer, model.info, frozenset()))
    assert (logits_of(model) - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_bits_and_group_size_of_the_user(tmp_path, tiny_folder):
    folder, _, _ = write(tmp_path, tiny_folder, "gptq_llama", {"era": "qzeros", "file": "tiny-4bit-32g.safetensors"})
    same = load_with("gptq_llama", folder, settings={"wbits": "4", "groupsize": "32"})
    assert torch.equal(logits_of(same), logits_of(load_with("gptq_llama", folder)))
    with pytest.raises(LoaderError, match="has 4 bits a weight as its shape says, not 3"):
        load_with("gptq_llama", folder, settings={"wbits": 3})
    with pytest.raises(LoaderError, match=r"groups for \d+ inputs \(group size 32\), not group size 128"):
        load_with("gptq_llama", folder, settings={"groupsize": 128})
    with pytest.raises(LoaderError, match="wbits"):
        load_with("gptq_llama", folder, settings={"wbits": 5})


def damage(folder, change):
    file = next(folder.glob("*.pt"))
    content = torch.load(file)
    change(content)
    torch.save(content, file)


Q = "model.layers.1.mlp.down_proj"


def cut(part, rows=None, columns=None):
    return lambda content: content.update({f"{Q}.{part}": content[f"{Q}.{part}"][:rows, :columns].clone()})


DAMAGES = {
    "its qweight is": cut("qweight", columns=8),
    "bits for each of its 96 inputs": cut("qweight", rows=7),
    "its zero points are": cut("qzeros", columns=3),
    "its scales are": cut("scales", columns=3),
    "its g_idx does not name": lambda content: content.update({f"{Q}.g_idx": content[f"{Q}.g_idx"] + 1}),
    "has no scales": lambda content: content.pop(f"{Q}.scales"),
    "is no linear of this architecture": lambda content: content.update({"x.qweight": content[f"{Q}.qweight"]}),
    "lack 1 of its tensors": lambda content: content.pop("model.norm.weight"),
    r"where \(64,\) is expected": lambda content: content.update({"model.norm.weight": torch.ones(7)}),
}


@pytest.mark.parametrize("words", DAMAGES)
def test_what_does_not_fit_is_told(tmp_path, tiny_folder, words):
    folder, _, _ = write(tmp_path, tiny_folder, "gptq_llama", {"file": "tiny-4bit-32g.pt"})
    damage(folder, DAMAGES[words])
    with pytest.raises(LoaderError, match=words) as caught:
        load_with("gptq_llama", folder)
    assert str(caught.value).endswith(".")


def test_a_file_cut_short_is_told(tmp_path, tiny_folder):
    for loader, how in (("autogptq", {}), ("gptq_llama", {"file": "tiny-4bit-32g.pt"})):
        folder, _, _ = write(tmp_path / loader, tiny_folder, loader, how)
        file = next(file for file in folder.iterdir() if file.suffix in {".pt", ".safetensors"})
        file.write_bytes(file.read_bytes()[:-9000])
        with pytest.raises(LoaderError, match=r"Download (it|the model) again"):
            load_with(loader, folder)


def test_a_pickle_that_would_run_code_is_not_opened(tmp_path, tiny_folder):
    folder, _, _ = write(tmp_path, tiny_folder, "gptq_llama", {"file": "tiny-4bit-32g.pt"})
    torch.save({"a": print}, folder / "tiny-4bit-32g.pt")
    with pytest.raises(LoaderError, match=r"could run code.* Get the model as \.safetensors"):
        load_with("gptq_llama", folder)


def test_an_unknown_architecture_and_other_bits_are_told(tmp_path, tiny_folder):
    folder, _, _ = write(tmp_path, tiny_folder, "autogptq", {})
    with pytest.raises(LoaderError, match="GPTQ 4-bit, group size 32, and its weights stay so"):
        load_with("autogptq", folder, bits=8)
    assert load_with("autogptq", folder, bits=4).info.bits == 4
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "nonesuch"}))
    with pytest.raises(LoaderError, match="doesn't know the architecture 'nonesuch'"):
        load_with("autogptq", folder)
    (folder / "config.json").unlink()
    with pytest.raises(LoaderError, match=r"there is no config\.json"):
        load_with("autogptq", folder)


def test_a_model_that_is_not_quantised_is_left_to_others(tiny_folder):
    for loader in ("autogptq", "gptq_llama"):
        with pytest.raises(LoaderError, match="not quantised with GPTQ; the Transformers loader opens it"):
            load_with(loader, tiny_folder)


@pytest.mark.parametrize(
    ("says", "convention"),
    [
        ({}, "plus_one_masked"),
        ({"checkpoint_format": "gptq"}, "plus_one_masked"),
        ({"checkpoint_format": "gptq_v2", "meta": {"quantizer": ["gptqmodel:1.0"]}}, "exact"),
        ({"format": "GPTQ_V2"}, "exact"),
        ({"meta": {"quantizer": ["gptqmodel:7.6.0"]}}, "plus_one_carried"),
        ({"meta": {"quantizer": "gptqmodel:1.2"}}, "plus_one_carried"),
        ({"meta": {"quantizer": ["auto_gptq:0.7"]}}, "plus_one_masked"),
        ({"meta": 3}, "plus_one_masked"),
    ],
)
def test_the_writer_says_how_zero_points_are_stored(says, convention):
    assert zero_convention(says) == convention
