"""What the ExLlama loader says without a card, which engine it takes for which checkpoint, and what it imports."""

import subprocess
import sys

import pytest

from desktop.api import LoaderError, LoadRequest
from exllama_loader import choosing, info, loading, plugin
from loader_kit.gptq_files import find_files
from loader_kit.gptq_format import recognise
from tests.plugins.exllama_standins import install
from tests.plugins.gptq_making import CONFIG, make, make_autogptq, make_exl2

BOTH = ("exllama", "exllamav2")


def refusal(path, **request):
    with pytest.raises(LoaderError) as caught:
        plugin.load(LoadRequest(path=str(path), **request), lambda step, fraction=None: None)
    return str(caught.value)


def chosen(folder, wanted="auto", installed=BOTH):
    found, config = recognise(folder), find_files(folder).config
    return choosing.choose(found, config, wanted, lambda name: name in installed)


@pytest.fixture
def card(monkeypatch, tmp_path_factory):
    """A machine with a card, its torch and both packages; nothing of it is ever imported."""
    folder = tmp_path_factory.mktemp("dev")
    (folder / "nvidia0").touch()
    monkeypatch.setattr(info, "DEVICES", folder)
    monkeypatch.setattr(info, "find_spec", lambda name: object())
    monkeypatch.setattr(info, "versions", lambda *names: {"torch": "2.13.0"})


@pytest.fixture
def no_card(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    monkeypatch.setattr(info, "DEVICES", folder)
    monkeypatch.setenv("PATH", str(folder))


def test_without_a_card_it_says_so_and_who_opens_the_same_here(no_card):
    told = plugin.describe()
    assert (told.title, told.available, told.requirements) == ("ExLlama", False, "")
    assert told.reason.startswith("ExLlama computes on NVIDIA cards with CUDA only, and there is none here. ")
    assert "The AutoGPTQ and GPTQ-for-LLaMa loaders open the same GPTQ models on the CPU" in told.reason
    assert told.capabilities.many_adapters
    assert told.capabilities.weights
    assert told.capabilities.hot_removal
    assert not told.capabilities.train
    assert set(told.settings["properties"]) == {"engine", "context"}


def test_loading_without_a_card_names_the_loader_for_this_checkpoint(no_card, tmp_path):
    words = refusal(make_autogptq(tmp_path / "a"))
    assert words == (
        "ExLlama computes on NVIDIA cards with CUDA only, and there is none here. The AutoGPTQ loader opens this model "
        "without a card."
    )
    words = refusal(make(tmp_path / "b", file="llama-7b-4bit-128g.safetensors"))
    assert words.endswith("The GPTQ-for-LLaMa loader opens this model without a card.")
    assert "No other loader opens EXL2" in refusal(make_exl2(tmp_path / "c"))


def test_with_a_card_it_says_what_else_lacks(card, monkeypatch):
    told = plugin.describe()
    assert (told.available, told.reason) == (True, "")
    assert told.requirements == "exllama_loader/requirements.txt"
    monkeypatch.setattr(info, "versions", lambda *names: {"torch": "2.13.0+cpu"})
    assert "torch 2.13.0+cpu is built for the CPU. Install a CUDA build" in plugin.describe().reason
    monkeypatch.setattr(info, "find_spec", lambda name: None if name.startswith("exllama") else object())
    assert "Neither of the packages exllamav2 and exllama is installed here" in plugin.describe().reason
    monkeypatch.setattr(info, "find_spec", lambda name: None if name == "torch" else object())
    assert plugin.describe().reason.startswith("The package torch is not installed here.")


def test_nvidia_smi_alone_means_a_card(no_card, monkeypatch):
    monkeypatch.setattr(info.shutil, "which", lambda name: f"C:\\{name}.exe")
    assert info.has_nvidia_card()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "mistral"}, "its architecture is mistral"),
        ({"tie_word_embeddings": True}, "it has no output head of its own"),
        ({"attention_bias": True}, "its linears have biases"),
        ({"head_dim": 128}, "its heads have a width of their own"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "scales positions in a way ExLlama doesn't know"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 8.0}}, "doesn't know (yarn)"),
        ({"hidden_act": "gelu"}, "its activation is gelu"),
    ],
)
def test_what_exllama_itself_does_not_open_goes_to_exllamav2(tmp_path, config, words):
    folder = make(tmp_path, config=CONFIG | {"num_attention_heads": 4} | config)
    verdict = plugin.probe(folder)
    assert verdict.fits
    assert "ExLlamaV2 opens it." in verdict.reason
    assert chosen(folder) == "exllamav2"
    with pytest.raises(LoaderError) as caught:
        chosen(folder, "exllama")
    assert words in str(caught.value)
    with pytest.raises(LoaderError) as caught:
        chosen(folder, installed=("exllama",))
    assert words in str(caught.value)
    assert "lora-deck loaders setup exllama" in str(caught.value)


def test_the_engine_is_what_is_installed_and_what_the_user_says(tmp_path):
    linear = {"num_attention_heads": 4, "rope_scaling": {"type": "linear", "factor": 2.0}}
    folder = make(tmp_path, config=CONFIG | linear)
    assert chosen(folder) == "exllamav2"
    assert chosen(folder, "exllama") == "exllama"
    assert chosen(folder, installed=("exllama",)) == "exllama"
    with pytest.raises(LoaderError, match=r"The package exllama is not installed here\. .* --no-deps exllama==0\.1\.0"):
        chosen(folder, "exllama", installed=("exllamav2",))
    with pytest.raises(LoaderError, match="setup exllama"):
        chosen(folder, installed=())
    assert chosen(make_exl2(tmp_path / "exl2")) == "exllamav2"
    with pytest.raises(LoaderError, match="it is EXL2"):
        chosen(tmp_path / "exl2", "exllama")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"bits": 8}, "its weights stay so. Leave 8-bit loading out."),
        ({"dtype": "bfloat16"}, "ExLlama computes in float16, not in bfloat16."),
        ({"settings": {"engine": "exllamav9"}}, "engine"),
        ({"settings": {"context": "-1"}}, "context"),
    ],
)
def test_what_can_t_be_asked_for(card, tmp_path, request_, words):
    assert words in refusal(make_autogptq(tmp_path), **request_)


def test_a_device_that_is_no_card_is_refused(card, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "choose", lambda *arguments: "exllamav2")
    sizes = dict.fromkeys(("intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size"), 4)
    words = refusal(make_autogptq(tmp_path, config=CONFIG | sizes), device="cpu")
    assert "and cpu is none. The AutoGPTQ loader opens this model without a card." in words


def test_a_compiler_that_fails_is_told_in_words(monkeypatch):
    def failing(name):
        raise OSError("CUDA_HOME environment variable is not set.\nPlease set it")

    monkeypatch.setattr(loading, "import_module", failing)
    with pytest.raises(LoaderError, match="ExLlama can't be started: CUDA_HOME environment variable is not set"):
        loading.open_engine("exllama", None, lambda step, fraction=None: None)


def test_what_an_engine_can_t_load_is_told_in_words(monkeypatch):
    install(monkeypatch, "exllamav2")
    with pytest.raises(LoaderError, match="ExLlamaV2 can't load this model: "):
        loading.open_engine("exllamav2", None, lambda step, fraction=None: None)


def test_limits_of_cards_are_told_in_their_order():
    assert loading._gigabytes({"cuda:2": 2**31, "cuda:0": 2**30, "cpu": 5}) == (1.0, 0.0, 2.0)
    assert loading._gigabytes({}) == ()


def test_nothing_of_any_exllama_is_imported_before_loading(tmp_path):
    """Stand-ins in a folder of their own say that they were imported."""
    for package in ("exllama", "exllamav2", "exllama_ext", "exllamav2_ext"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('imported')")
    make_autogptq(tmp_path / "model")
    program = (
        "import sys; from pathlib import Path; from exllama_loader import plugin;"
        "sys.path.insert(0, sys.argv[1]); plugin.describe(); print(plugin.probe(Path(sys.argv[2])).fits);"
        "import exllama_loader.loading, exllama_loader.engine_v1, exllama_loader.engine_v2;"
        "print([name for name in sys.modules if name.split('.')[0] in ('exllama', 'exllamav2')])"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(tmp_path / "model")]
    assert subprocess.check_output(command, text=True).split() == ["True", "[]"]
