"""What `lora-deck generate` is asked for, and what it says of what can't be: with a loader that needs no torch."""

from __future__ import annotations

import pytest

from tests.library.making import make_adapter, make_model


def test_the_answer_goes_to_standard_output_and_words_to_standard_error(run, echo):
    ran = run("generate", "--model", echo, "-p", "hello there")
    assert (ran.status, ran.out) == (0, "hello there \n")
    assert ran.err.startswith("Listening")
    assert "2 tokens after" in ran.err


def test_the_prompt_from_standard_input(run, echo):
    assert run("generate", "--model", echo, "-p", "-", stdin="où ça\n🙂".encode()).out == "où ça 🙂 \n"
    ran = run("generate", "--model", echo, "-p", "-", stdin=b"caf\xe9")
    assert (ran.status, ran.out) == (1, "")
    assert "lora-deck: Standard input is not UTF-8 text" in ran.err


def test_adapters_by_name_in_their_order_with_their_weights(run, echo, home):
    for name in ("a", "v1.5 = é🙂", "a=b"):
        make_adapter(home.loras / name)
    loras = [word for text in ("v1.5 = é🙂=-0.5", "a", "a=b=0.25", "a=0") for word in ("--lora", text)]
    ran = run("generate", "--model", echo, *loras, "-p", "hi")
    assert (ran.status, ran.out) == (0, "hi<v1.5 = é🙂:-0.5><a:1><a=b:0.25><a:0> \n")
    assert "a=b: weight 0.25, 1 of 1 modules" in ran.err


def test_the_pirate_that_comes_along_is_installed_when_it_is_asked_for(run, echo, home):
    ran = run("generate", "--model", echo, "--lora", "pirate=0.5", "-p", "ahoy")
    assert ran.out == "ahoy<pirate:0.5> \n"
    assert (home.loras / "pirate" / "adapter_model.safetensors").is_file()


def test_a_tag_in_the_prompt_attaches_an_adapter_and_is_not_sent(run, echo, home):
    for name in ("a", "b"):
        make_adapter(home.loras / name)
    command = ("generate", "--model", echo, "--lora", "a=0.5", "--lora", "b=2")
    ran = run(*command, "-p", "hi <lora:pirate:-0.8> there <lora:b:0.25>")
    assert ran.out == "hi<a:0.5><b:0.25><pirate:-0.8> there<a:0.5><b:0.25><pirate:-0.8> \n"
    assert "pirate: weight -0.8, 1 of 1 modules" in ran.err
    assert run("generate", "--model", echo, "-p", "-", stdin=b"<lora:a>\nhi\n").out == "hi<a:1> \n"
    assert run("generate", "--model", echo, "-p", r"hi \<lora:a>").out == "hi <lora:a> \n"


def test_a_tag_does_not_reach_the_template(run, echo, home):
    make_adapter(home.loras / "a")
    command = ("generate", "--model", echo, "--template", "alpaca")
    tagged = run(*command, "-p", "Sing <lora:a:0> a song", "--input", "<lora:a>")
    assert tagged.out.replace("<a:0>", "") == run(*command, "-p", "Sing a song", "--input", "<lora:a>").out


def test_an_adapter_nobody_knows_in_a_prompt_ends_it_before_loading(run, echo, home):
    ran = run("generate", "--model", echo, "-p", "hi <lora:nobody:0.5>")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no adapter 'nobody'" in ran.err
    assert r"to send that as text, write \<lora:nobody>" in ran.err
    assert not home.logs.exists()


def test_a_model_by_a_name_with_anything_in_it(run, echo, home):
    home.models.mkdir(parents=True)
    (home.models / "a=b v1.0 é🙂.echo").write_text("")
    assert run("generate", "--model", "a=b v1.0 é🙂.echo", "-p", "x").out == "x \n"


def test_templates_are_put_around_the_prompt(run, echo):
    def words(*options):
        return run("generate", "--model", echo, "-p", "Sing", *options).out.split()

    assert words("--template", "plain") == ["Sing"]
    alpaca = words("--template", "alpaca", "--input", "a song")
    assert alpaca[:3] == ["Below", "is", "an"]
    assert alpaca[-7:] == ["###", "Instruction:", "Sing", "###", "Input:", "a", "song", "###", "Response:"][-7:]
    assert "Réponse:" in words("--template", "alpaca-fr")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--template", "alpacca"), "There is no template 'alpacca'. Did you mean alpaca?"),
        (("--template", "model"), "This model brings no chat template of its own. Use one of: plain, alpaca"),
        (("--input", "x"), "The template plain has no place for an input. Use one of: alpaca"),
        (("--system", "x"), "needs the model's own template"),
        (("--temperature", "0"), "A sampling setting can't be used"),
        (("--top-p", "2"), "$.top_p"),
        (("--max-new-tokens", "0"), "--max-new-tokens must be at least 1"),
        (("--logprobs", "3"), "--logprobs needs --json"),
        (("--json", "--logprobs", "1001"), "--logprobs must be between 0 and 1000"),
        (("--set", "threads"), "--set threads: write it as KEY=VALUE"),
        (("--set", "=4"), "--set =4: write it as KEY=VALUE"),
        (("--memory-limit", "10GB"), "--memory-limit 10GB: write it as DEVICE=SIZE, for example cuda:0=10GB"),
        (("--memory-limit", "cuda:0=lots"), "write it as DEVICE=SIZE"),
        (("--memory-limit", "cpu=-1GB"), "write it as DEVICE=SIZE"),
        (("--memory-limit", "cpu=infGB"), "write it as DEVICE=SIZE"),
        (("--loader", "ecko"), "There is no loader of this name. Loaders here: echo"),
        (("--lora", "nobody"), "There is no adapter 'nobody'"),
        (("--lora", "nobody=0.5"), "There is no adapter 'nobody'"),
    ],
)
def test_what_can_t_be_is_said_in_one_sentence_with_status_1(run, echo, options, words):
    ran = run("generate", "--model", echo, "-p", "hi", *options)
    assert (ran.status, ran.out) == (1, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("lora-deck: ") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--model", "x", "-p", "hi", "--load-in-8bit", "--load-in-4bit"),
        ("--model", "x", "-p", "hi", "--cpu", "--device", "cuda"),
        ("--model", "x", "-p", "hi", "--top-k", "many"),
        ("--model", "x", "-p", "hi", "--dtype", "int3"),
        ("-p", "hi"),
        ("--model", "x", "-p", "hi", "--nonsense"),
    ],
)
def test_what_the_command_line_itself_refuses_is_status_2(run, arguments):
    ran = run("generate", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "usage: lora-deck" in ran.err


def test_without_a_prompt_nothing_is_loaded(run, echo, home):
    ran = run("generate", "--model", echo)
    assert ran.status == 1
    assert "There is no prompt. Give one with -p TEXT" in ran.err
    assert not home.logs.exists()


def test_a_model_that_is_not_there_is_told_with_what_is_close(run, echo, home):
    make_model(home.models / "llama-7b")
    ran = run("generate", "--model", "lama-7b", "-p", "hi")
    assert ran.status == 1
    assert "There is no model 'lama-7b'" in ran.err
    assert "Close names: 'llama-7b'" in ran.err


def test_without_any_loader_it_says_so(run, tmp_path):
    (tmp_path / "m").mkdir()
    ran = run("generate", "--model", tmp_path / "m", "-p", "hi")
    assert ran.status == 1
    assert "No loader is installed" in ran.err


MEMORY = """
class Plain(Model):
    def generate(self, request):
        yield Chunk(text=self.said)

@hookimpl
def describe():
    return LoaderInfo(title="Teller", capabilities=Capabilities(bits=(16, 4)))


@hookimpl
def load(request, progress):
    model = Plain()
    limits = sorted(request.memory_limits.items())
    held = (request.bits, request.device, request.dtype, request.trust_remote_code)
    model.said = repr((limits, request.settings, *held))
    return model
"""
HOOKS = """
from desktop.api import AttachReceipt, Capabilities, Chunk, LoaderInfo, Model, hookimpl

@hookimpl
def apply_lora(model, lora):
    return AttachReceipt(id=lora.id, name=lora.name)

@hookimpl
def remove_lora(model, lora):
    pass
"""


def test_how_a_model_is_to_be_held_reaches_the_loader(run, make_plugin, tmp_path):
    make_plugin("teller", HOOKS + MEMORY)
    options = ["--set", "quant-type = fp4", "--set", "a=b=c", "--device", "cuda:1", "--dtype", "float16"]
    options += ["--memory-limit", "cuda:0=1.5GB", "--memory-limit", "cpu=16GiB", "--load-in-4bit"]
    ran = run("generate", "--model", tmp_path, "-p", "x", *options)
    limits = [("cpu", 16 * 2**30), ("cuda:0", 1_500_000_000)]
    settings = {"quant_type": "fp4", "a": "b=c"}
    assert ran.out == repr((limits, settings, 4, "cuda:1", "float16", False)) + "\n"
    refused = run("generate", "--model", tmp_path, "-p", "x", "--load-in-8bit")
    assert (refused.status, refused.out) == (1, "")
    assert "teller: It opens this model but does not quantise to 8 bits" in refused.err
    assert (
        run("generate", "--model", tmp_path, "-p", "x", "--cpu").out == repr(([], {}, 16, "cpu", "auto", False)) + "\n"
    )
