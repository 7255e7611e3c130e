"""What torch sees against what the machine has, in a sentence, with the command that mends it."""

from __future__ import annotations

import sys

import pytest

from desktop.discovery.devices import Machine, TorchSight, ask_torch, device_lines, look_at_machine

CPU_BUILD = TorchSight(torch="2.13.0+cpu", threads=2)
CARD = "NVIDIA GeForce RTX 4090"


def test_a_card_beside_a_torch_for_the_cpu_is_said_with_the_command_that_mends_it():
    cpu, card = device_lines("/opt/python", CPU_BUILD, Machine(nvidia=(CARD,)))
    assert cpu.words == "torch 2.13.0+cpu computes with 2 threads (/opt/python)."
    assert not cpu.command
    assert card.title == CARD
    assert card.words == (
        f"This machine has an {CARD}, but torch 2.13.0+cpu is built without CUDA, so nothing runs on the card."
    )
    assert card.command == (
        "/opt/python -m pip install --force-reinstall torch==2.13.0 --index-url https://download.pytorch.org/whl/cu130"
    )


def test_an_interpreter_with_a_space_in_its_path_is_quoted():
    (_, card) = device_lines("/my python/bin/python", CPU_BUILD, Machine(nvidia=(CARD,)))
    assert card.command.startswith('"/my python/bin/python" -m pip')


def test_a_card_that_torch_sees_needs_nothing():
    sight = TorchSight(torch="2.13.0+cu130", cuda="13.0", devices=(CARD,), threads=8)
    lines = device_lines("python", sight, Machine(nvidia=(CARD,)))
    assert [line.title for line in lines] == ["CPU", CARD]
    assert not any(line.command for line in lines)


@pytest.mark.parametrize(
    ("sight", "machine", "words"),
    [
        (TorchSight(torch="2.13.0", cuda="13.0"), Machine(nvidia=(CARD,)), "Update the NVIDIA driver"),
        (CPU_BUILD, Machine(amd=True), "built without ROCm"),
        (CPU_BUILD, Machine(apple=True), "Update macOS"),
        (TorchSight(torch="2.13.0", mps=True), Machine(apple=True), "has not been tried on it yet"),
    ],
)
def test_other_machines(sight, machine, words):
    assert words in device_lines("python", sight, machine)[-1].words


def test_an_interpreter_that_is_not_there_or_has_no_torch_is_a_sentence(tmp_path):
    assert "can't be started" in ask_torch(str(tmp_path / "python"))
    fake = tmp_path / "fake"
    fake.write_text("#!/bin/sh\necho 'No module named torch' >&2\nexit 1\n")
    fake.chmod(0o755)
    assert ask_torch(str(fake)) == "torch can't be imported: No module named torch"
    assert [line.words for line in device_lines("x", "It broke.", Machine())] == ["It broke."]


def test_this_interpreter_tells_its_torch():
    sight = ask_torch(sys.executable)
    assert isinstance(sight, TorchSight)
    assert sight.torch.startswith("2.")
    assert sight.threads > 0
    assert isinstance(look_at_machine(), Machine)
