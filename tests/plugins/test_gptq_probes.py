"""The verdicts and the words of the three loaders of quantised models."""

from importlib import import_module

import pytest

from desktop.api import LoaderError, LoadRequest, Lora, Unsupported
from tests.library.making import make_model
from tests.plugins.gptq_making import CONFIG, bytes_of, make, make_autogptq, make_exl2, tensors_of

LOADERS = ("autogptq", "gptq_llama", "exllama")


def plugin(name):
    return import_module(f"{name}_loader.plugin")


def verdicts(path):
    return {name: plugin(name).probe(path) for name in LOADERS}


def fits(path):
    """(fits, native) by loader."""
    return {name: (verdict.fits, verdict.native) for name, verdict in verdicts(path).items()}


SETTINGS = {"autogptq": {"engine"}, "gptq_llama": {"wbits", "groupsize"}}

YES, NATIVE, NO = (True, False), (True, True), (False, False)


def test_autogptq_is_native_where_there_is_a_configuration(tmp_path):
    folder = make_autogptq(tmp_path)
    assert fits(folder) == {"autogptq": NATIVE, "gptq_llama": YES, "exllama": YES}
    verdict = verdicts(folder)["autogptq"]
    assert verdict.reason == "GPTQ 4-bit, group size 128 (llama)."
    assert verdict.format == "GPTQ 4-bit, group size 128"
    assert verdict.memory_bytes == bytes_of(tensors_of())


@pytest.mark.parametrize("era", ["qzeros", "g_idx"])
def test_gptq_llama_is_native_where_there_is_none(tmp_path, era):
    folder = make(tmp_path, file="llama-7b-4bit-128g.safetensors", era=era)
    assert fits(folder) == {"autogptq": YES, "gptq_llama": NATIVE, "exllama": YES}
    assert verdicts(folder)["gptq_llama"].reason == (
        "GPTQ 4-bit, group size 128 (llama). It has no configuration, as GPTQ-for-LLaMa wrote its files."
    )


def test_the_first_format_is_gptq_llama_alone(tmp_path):
    folder = make(tmp_path, file="llama-7b-4bit.safetensors", era="zeros")
    assert fits(folder) == {"autogptq": NO, "gptq_llama": NATIVE, "exllama": NO}
    assert "the GPTQ-for-LLaMa loader is made for it" in verdicts(folder)["exllama"].reason


def test_exl2_is_exllama_alone(tmp_path):
    folder = make_exl2(tmp_path)
    assert fits(folder) == {"autogptq": NO, "gptq_llama": NO, "exllama": NATIVE}
    found = verdicts(folder)
    assert found["exllama"].reason == "EXL2 4.5 bits a weight (llama). ExLlamaV2 opens it."
    assert found["autogptq"].reason == "It is EXL2 4.5 bits a weight. The ExLlama loader is made for it."


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bits": 3}, "ExLlama computes with 4 bits only"),
        ({"bits": 8}, "ExLlama computes with 4 bits only"),
        ({"config": CONFIG | {"model_type": "opt"}}, "Llama architecture, and this is opt"),
    ],
)
def test_what_exllama_does_not_open(tmp_path, options, words):
    folder = make(tmp_path, **options)
    assert fits(folder) == {"autogptq": YES, "gptq_llama": NATIVE, "exllama": NO}
    assert words in verdicts(folder)["exllama"].reason


def test_a_pickle_is_for_those_that_read_pickles(tmp_path):
    folder = make(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "llama-7b-4bit-128g.pt").write_bytes(b"PK")
    assert fits(folder) == {"autogptq": YES, "gptq_llama": NATIVE, "exllama": NO}
    assert "reads .safetensors only" in verdicts(folder)["exllama"].reason


def test_later_packings(tmp_path):
    inside = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "checkpoint_format": "gptq_v2"}
    folder = make(tmp_path / "v2", config=CONFIG | {"quantization_config": inside})
    assert fits(folder) == {"autogptq": NATIVE, "gptq_llama": NO, "exllama": YES}
    assert verdicts(folder)["exllama"].reason.endswith("ExLlamaV2 opens it.")
    inside["checkpoint_format"] = "marlin"
    folder = make_model(tmp_path / "marlin", CONFIG | {"quantization_config": inside})
    assert fits(folder) == dict.fromkeys(LOADERS, NO)
    assert "packed for one kernel (marlin)" in verdicts(folder)["autogptq"].reason


def test_remarks_reach_the_user(tmp_path):
    folder = make(tmp_path, group=64, quantize_config={"bits": 4, "group_size": 128, "desc_act": False})
    for verdict in verdicts(folder).values():
        assert verdict.reason.endswith("Its configuration says group size 128, its tensors say group size 64.")


def test_a_plain_folder_is_for_transformers(tmp_path):
    for verdict in verdicts(make_model(tmp_path, CONFIG)).values():
        assert not verdict.fits
        assert verdict.reason == "This model is not quantised with GPTQ; the Transformers loader opens it."


def test_probing_never_raises(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "noise.safetensors").write_bytes(b"\xff" * 999)
    for path in (
        tmp_path / "gone",
        tmp_path / "circle",
        tmp_path,
        tmp_path / "noise.safetensors",
        tmp_path / ("x" * 300),
    ):
        assert fits(path) == dict.fromkeys(LOADERS, NO)


@pytest.mark.parametrize(("name", "title"), [("autogptq", "AutoGPTQ"), ("gptq_llama", "GPTQ-for-LLaMa")])
def test_the_gptq_loaders_are_available_and_say_what_they_can_do(name, title, monkeypatch):
    info = plugin(name).describe()
    assert (info.title, info.available, info.reason) == (title, True, "")
    can = info.capabilities
    assert can.many_adapters
    assert can.weights
    assert can.hot_removal
    assert can.logits
    assert can.check
    assert not can.fold
    assert can.train
    assert set(info.settings.get("properties", ())) == SETTINGS[name]
    monkeypatch.setattr("loader_kit.gptq_capabilities.find_spec", lambda name: None if name == "torch" else object())
    assert plugin(name).describe().reason == "The package torch is not installed here. Install it with pip."


def refusal(name, path):
    with pytest.raises(LoaderError) as caught:
        plugin(name).load(LoadRequest(path=str(path)), lambda step, fraction=None: None)
    return str(caught.value)


@pytest.mark.parametrize("name", LOADERS)
def test_what_is_not_quantised_is_left_to_others(tmp_path, name):
    words = refusal(name, make_model(tmp_path / "plain", CONFIG))
    assert words == "This model is not quantised with GPTQ; the Transformers loader opens it."


@pytest.mark.parametrize("name", LOADERS)
def test_there_is_no_model_of_another_loader_to_attach_to(name):
    lora = Lora(id="ad_1", name="a", path="/a")
    for hook in ("apply_lora", "remove_lora"):
        with pytest.raises(Unsupported, match="was not made by this loader"):
            getattr(plugin(name), hook)(None, lora)


@pytest.mark.parametrize("name", LOADERS)
def test_they_are_plugins_like_any_other(name):
    from desktop.engine.child.plugins import Plugins
    from desktop.engine.messages import LoaderRef

    opened = Plugins().open(LoaderRef(name, f"{name}_loader.plugin"))
    assert opened.describe().available == (name != "exllama")
