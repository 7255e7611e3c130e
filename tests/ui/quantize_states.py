"""States of quantising, for the gallery and for the tests that look at every state."""

from __future__ import annotations

from desktop.api import LayerError, QuantizeReport, QuantizeRequest
from desktop.library.quantising import QuantizeFacts
from desktop.session.plans import Problem
from desktop.session.quantize_plans import Quantized, QuantizeLook, QuantizePlan
from tests.ui import library_states

MODEL = "/library/models/SmolLM2-135M"
LINEARS = {(576, 576): 60, (576, 192): 60, (576, 1536): 60, (1536, 576): 30}
"""The starter's."""


def look(**changes):
    """What is known of the starter."""
    facts = QuantizeFacts(linears=LINEARS, kept_bytes=56_690_000, bytes_before=269_030_016, context=8192)
    values = {
        "path": MODEL, "name": "SmolLM2-135M", "facts": facts, "folder": "/library/models",
        "taken": ("SmolLM2-135M",), "free": 412_000_000_000,
    }  # fmt: skip
    return QuantizeLook(**(values | changes))


def plan():
    """The starter in 4 bits."""
    request = QuantizeRequest(folder="/library/models/SmolLM2-135M-gptq-4bit-128g")
    return QuantizePlan(name="SmolLM2-135M", path=MODEL, request=request)


def done():
    """What came of it."""
    layers = tuple(LayerError(f"model.layers.{number}.mlp.down_proj", 0.004 + 0.0001 * number) for number in range(30))
    report = QuantizeReport(
        folder=plan().request.folder, bytes_before=269_030_016, bytes_after=112_720_008, seconds=140.0, tokens=11_776,
        layers=layers,
    )  # fmt: skip
    return Quantized(plan=plan(), report=report)


def quantize_asked(window, session):
    """The dialog with what it takes."""
    library_states.library_full(window, session)
    window.quantize_desk.ask(MODEL, "SmolLM2-135M")
    session.quantizing.looked.emit(look())
    return window.quantize_desk.dialog


def quantize_refused(window, session):
    """A model that is quantised already."""
    library_states.library_full(window, session)
    window.quantize_desk.ask(MODEL, "SmolLM2-135M")
    refusal = (
        "SmolLM2-135M is stored as GPTQ 4-bit, group size 128, so it is quantised already. Choose the original in 16 "
        "or 32 bits and quantise that."
    )
    session.quantizing.looked.emit(look(facts=QuantizeFacts(refusal=refusal)))
    return window.quantize_desk.dialog


def quantize_running(window, session):
    """A third is done, while a model is prompted."""
    from tests.ui import gallery

    gallery.ready(window, session)
    window.quantize_desk._on_quantize_wanted(plan())
    session.quantizing.progressed.emit("Quantising layer 11 of 30, about 2 min left", 0.35)


def quantize_done(window, session):
    """It stands in the library."""
    quantize_running(window, session)
    session.quantizing.quantized.emit(done())
    session.quantizing.became_free.emit()


def quantize_failed(window, session):
    """The disk was full."""
    quantize_running(window, session)
    words = (
        "/library/models/SmolLM2-135M-gptq-4bit-128g can't be written (No space left on device). Free some space, or "
        "choose another folder."
    )
    session.quantizing.failed.emit(Problem(sentence=words))
    session.quantizing.became_free.emit()


STATES = (quantize_asked, quantize_running, quantize_done)
"""One of each shape; every test that looks at all states takes its time for each of them."""
DRAWN = (quantize_refused, quantize_failed)
