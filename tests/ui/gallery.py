"""Draws every state of the window, light and dark, in two sizes: `python -m tests.ui.gallery FOLDER [STATE ...]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import msgspec
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QScrollArea

from desktop.api import AttachReceipt, Capabilities, LoaderInfo, Lora, ModelInfo, Sampling, StackCheck, Verdict
from desktop.app import make_application
from desktop.discovery.choice import Choice
from desktop.discovery.describer import Found
from desktop.discovery.devices import DeviceLine
from desktop.engine.messages import LoaderRef
from desktop.engine.proof import Proof
from desktop.library.adapter_notes import AdapterNote, adapter_key
from desktop.library.adapters import AdapterEntry
from desktop.library.automatic_template import Automatic
from desktop.library.conversation import append, change, grow, new_conversation, show
from desktop.library.conversations import ConversationEntry
from desktop.library.fit import Fit
from desktop.library.inspection import Inspection
from desktop.library.memory import MemoryFacts
from desktop.library.model_card import ModelCard
from desktop.library.models import ModelEntry
from desktop.library.presets import SHIPPED, Preset
from desktop.library.recipes import RecipeEntry
from desktop.library.training_facts import Training
from desktop.prompting.templates import Template
from desktop.session.chat_plans import conversation_of, facts_of
from desktop.session.plans import Answer, Loaded, LoadPlan, Problem, PromptPlan, Proved, Side, StackReport, State
from desktop.session.recipe_plans import RecipeLook, Reproduction
from desktop.session.saved import Saved
from desktop.ui import theme
from desktop.ui.main_window import MainWindow
from tests.ui import library_states, quantize_states, textgen_states, version_states
from tests.ui.fake_session import FakeSession
from tests.ui.train_gallery import TRAIN_STATES

SIZES = ((1280, 800), (1920, 1080))
MODEL = "/library/models/starter"
LONG = "tloen_alpaca-lora-7b-with-a-very-long-name-that-nobody-would-type-by-hand-checkpoint-12000"
HOSTILE = '<b>bold?</b> <img src="file:///etc/passwd"> <a href="http://x">link</a>\x1b[31m'
LOADERS = [
    Found(
        LoaderRef("transformers", "transformers_loader.plugin", "lora-deck", "0.1.0"),
        LoaderInfo(
            title="Transformers",
            summary="Hugging Face folders, single files and GGUF, in 16, 8 and 4 bits.",
            capabilities=Capabilities(logits=True, bits=(16, 8, 4), sampling=("greedy", "temperature", "seed")),
            versions={"torch": "2.13.0+cpu", "transformers": "5.23.0"},
        ),
    ),
    Found(
        LoaderRef("exllama", "exllama_loader.plugin", "lora-deck", "0.1.0"),
        LoaderInfo(
            title="ExLlama",
            summary="GPTQ and EXL2 on NVIDIA cards.",
            available=False,
            reason="There is no NVIDIA card here. The AutoGPTQ loader opens the same checkpoints.",
        ),
    ),
    Found(LoaderRef("parrot", "parrot", "parrot", "1.0"), None, "ImportError: No module named 'polly'"),
]


def rows():
    """A stack of four."""
    return (
        Lora(id="ad_1", name="pirate", path="/library/loras/pirate", weight=0.8),
        Lora(id="ad_2", name=LONG, path=f"/library/loras/{LONG}", weight=-0.35),
        Lora(id="ad_3", name="français é 🙂", path="/library/loras/f", weight=0.5, enabled=False),
        Lora(id="ad_4", name=HOSTILE, path="/library/loras/h"),
    )


def report():
    """Two attached, one refused."""
    receipts = tuple(
        AttachReceipt(
            id=row.id, name=row.name, rank=16, alpha=32, modules_matched=210, modules_targeted=210, bytes=4**11
        )
        for row in rows()[:3]
    )
    problem = Problem(sentence="Does not fit: its q_proj is 4096 wide, this model has 576. It was made for llama-7b.")
    return StackReport(rows=rows()[:3], receipts=receipts, problems={"ad_4": problem})


def loaded():
    """The starter in memory."""
    info = ModelInfo(
        path=MODEL, architecture="LlamaForCausalLM", dtype="bfloat16", device="cpu", context_length=8192,
        memory_bytes=269_000_000, has_template=True, versions={"torch": "2.13.0"},
    )  # fmt: skip
    plan = LoadPlan(name="SmolLM2-135M", path=MODEL)
    return Loaded(plan, info, LoaderRef("transformers", "x"), "Transformers", (16, 8, 4), ("greedy", "temperature"))


def inspection(row, **facts):
    """An adapter on all linears, with the files of its training."""
    kinds = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
    training = Training(
        files=("trainer_state.json",), steps=1200, planned_steps=2400, epochs=3.0, loss=1.234, evaluation_loss=1.31,
        arguments={"learning_rate": "0.0003", "lr_scheduler_type": "cosine", "warmup_steps": "100"},
    )  # fmt: skip
    usual = Inspection(
        name=row.name, path=row.path, kind="rsLoRA", rank=16, ranks=(8, 16), rank_pattern={"down_proj": 8}, alpha=32,
        scalings=(8.0, 11.31), target_modules=kinds, modules=dict.fromkeys(kinds, 30), layers=tuple(range(30)),
        base_model="HuggingFaceTB/SmolLM2-135M-Instruct", parameters=4_884_480, dtypes={"F32": 420},
        file=".safetensors", size=19_600_000, content_hash="1ef01c8c1378cc819b56c7f6c2e27d067c116f99487eee7d3d1814dc",
        peft_version="0.19.1", settings={"lora_dropout": "0.05", "task_type": "CAUSAL_LM"}, training=training,
        card=ModelCard(license="apache-2.0", datasets=("tatsu-lab/alpaca", "databricks/databricks-dolly-15k")),
    )  # fmt: skip
    return msgspec.structs.replace(usual, **facts)


def answer(prompt, text, base=None):
    """A whole answer."""
    side = Side(text=text, tokens=42, prompt_tokens=31, tokens_per_second=48.2, prompt_seconds=0.2)
    return Answer(
        plan=PromptPlan(prompt=prompt, compare=base is not None), model="SmolLM2-135M", template="model", seed=271828,
        stack=rows()[:2], with_stack=side, base=msgspec.structs.replace(side, text=base) if base else None,
    )  # fmt: skip


def logged_answer():
    """A whole answer with an id in the log."""
    logged = answer("Where is Paris?", "In France, matey.")
    side = msgspec.structs.replace(logged.with_stack, token_ids=(1, 2, 3))
    return msgspec.structs.replace(logged, id="20261125-120000-00000001", with_stack=side)


def recipe_entries():
    """One that is whole, one that is damaged."""
    return [
        RecipeEntry(name="pirates", path="/library/recipes/pirates.json", base="SmolLM2-135M",
                    adapters=("pirate 0.8", "parrot -0.5 (off)"), has_reply=True),
        RecipeEntry(name="broken é", path="/library/recipes/broken é.json",
                    problem="broken.json is no recipe or a damaged one (Input data was truncated). Export it again."),
    ]  # fmt: skip


def recipe_plan():
    """What the whole recipe says."""
    sampling = Sampling(temperature=0.9, seed=7)
    return PromptPlan(prompt="Where is the treasure?", template="alpaca", sampling=sampling, max_new_tokens=64)


def recipe_look():
    """The whole recipe, with one of its adapters missing."""
    told = (
        "The adapter parrot is missing: the library has it neither by content nor by name. Add it and try again.",
        "torch differs: 2.12 in the recipe, 2.13 here.",
    )
    return RecipeLook(entry=recipe_entries()[0], plan=recipe_plan(), rows=rows()[:1], told=told)


def reproduction():
    """The logged answer is to come again."""
    shown, told = recipe_plan(), ("torch differs: 2.12 in the recipe, 2.13 here.",)
    plan = msgspec.structs.replace(shown, max_new_tokens=3)
    return Reproduction(plan=plan, shown=shown, rows=rows()[:2], tokens=(1, 2, 3), told=told)


class Gallery:
    """One window after the other."""

    def __init__(self, folder: Path) -> None:
        """Pictures go to `folder`."""
        self._folder = folder
        self._root = Path(tempfile.mkdtemp())

    def draw(self, name, size, scheme, act):
        """Make a window, bring it to a state, and keep its picture."""
        theme.use_theme(scheme)
        session = FakeSession(self._root)
        window = MainWindow(session, Saved(theme=scheme))
        window.resize(*size)
        window.show()
        window.begin(None, None)
        target = act(window, session) or window
        settle(150)
        target.grab().save(str(self._folder / f"{name}-{scheme}-{size[0]}.png"))
        window.close()
        window.deleteLater()
        settle(20)


def library(session, *, empty=False):
    """The library was listed."""
    models = [
        ModelEntry(name="SmolLM2-135M", path=MODEL, format="Transformers safetensors", size=269_000_000),
        ModelEntry(name="llama-7b-hf", path="/library/models/llama", problem="2 of 33 weight files are missing."),
    ]
    adapters = [
        AdapterEntry(name=row.name, path=row.path, kind="LoRA", rank=16, alpha=32, size=4_800_000,
                     target_modules=("q_proj", "v_proj"), base_model="HuggingFaceTB/SmolLM2-135M-Instruct",
                     file=".safetensors")
        for row in rows()
    ]  # fmt: skip
    session.models_listed.emit([] if empty else models)
    session.adapters_listed.emit([] if empty else adapters)
    if not empty:
        verdict = Verdict(fits=True, native=True, reason="A Hugging Face model.", memory_bytes=269_000_000)
        choices = [Choice(LOADERS[0], verdict), Choice(LOADERS[1], Verdict(fits=False, reason="It is not quantised."))]
        session.verdicts_found.emit(MODEL, choices)
        session.memory_judged.emit(MODEL, MemoryFacts(context_length=8192, kv_bytes_a_token=23040))


def ready(window, session):
    """A model is loaded, with a stack."""
    library(session)
    window.stack.show_rows(rows())
    session.become(State.READY, loaded())
    session.memory_measured.emit(912_000_000)
    session.stack_changed.emit(report())


def show_history(window, answers):
    """A conversation of these answers."""
    window.chat.show_conversation(conversation_of(answers), with_plan=False)
    settle(60)


def first_run(window, session):
    library(session, empty=True)


def nothing_loaded(window, session):
    library(session)


def loading(window, session):
    library(session)
    window.stack.show_rows(rows()[:2])
    session.become(State.LOADING)
    session.progressed.emit("Loading weights", 0.43)


def idle(window, session):
    ready(window, session)
    window.stack._select("ad_1")


def answering(window, session):
    ready(window, session)
    show_history(window, [answer("What is the capital of France?", "Arr, matey! The capital o' France be Paris!")])
    window.place.box.show_text("Tell me about the sea.")
    window.chat.send()
    session.become(State.ANSWERING)
    session.answer_grew.emit(0, "The sea be wide and " * 12, 60)


def tagged(window, session):
    answering(window, session)
    window.place.box.show_text("<lora:pirate:1.2> Tell me about the sea. <lora:nobody:-0.5>")
    session.progressed.emit("Answering. The changed stack waits for the next answer.", None)


def compared(window, session):
    ready(window, session)
    show_history(window, [answer("What is the capital of France?", "Arr! Paris be it!", "The capital is Paris.")])
    window.stack._select("ad_2")


def hostile(window, session):
    ready(window, session)
    show_history(window, [answer(HOSTILE, HOSTILE * 3)])
    window.stack._select("ad_4")


def failed(window, session):
    library(session)
    session.load_failed.emit(
        Problem(sentence="No loader can open llama-7b-hf. " * 3, detail="transformers: ...\n" * 4, can_retry=True)
    )


def engine_gone(window, session):
    ready(window, session)
    show_history(window, [answer("What is the capital of France?", "Arr, matey!")])
    session.become(State.LOST)
    words = "The engine stopped: killed, out of memory. Your text and your stack are kept."
    session.engine_lost.emit(Problem(sentence=words, can_retry=True))


def settings(window, session):
    ready(window, session)
    window.base._settings.setChecked(True)


def misfit(window, session):
    library(session)
    window.stack.show_rows(rows()[:2])
    session.fit_judged.emit(rows()[0].path, MODEL, Fit("misfit", "its q_proj is 4096 wide, this model has 576"))


def chooser(window, session):
    library(session)
    window.dialogs.ask_for_adapter()
    return window.dialogs.chooser


def loaders(window, session):
    library(session)
    window.dialogs.show_loaders()
    session.loaders_described.emit(LOADERS, ["Two packages register a loader called parrot."])
    words = "This machine has an NVIDIA RTX 4090, but torch 2.13.0+cpu is built without CUDA: nothing runs on the card."
    command = "python -m pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu130"
    cpu = DeviceLine(title="CPU", words="torch 2.13.0+cpu computes with 2 threads (/usr/bin/python3).")
    session.devices_found.emit([cpu, DeviceLine(title="NVIDIA RTX 4090", words=words, command=command)])
    return window.dialogs._loaders


def facts(window, session):
    """Everything about the selected adapter; its panel is moved to where that stands."""
    ready(window, session)
    window.stack._select("ad_1")
    session.adapter_inspected.emit(rows()[0].path, inspection(rows()[0], unused=("base_model.model.lm_head.weight",)))
    session.fit_judged.emit(rows()[0].path, MODEL, Fit("unknown", "2 of its 210 modules were not found in the files"))
    settle(50)
    scroll = window.details.findChild(QScrollArea)
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().maximum())


def solo(window, session):
    idle(window, session)
    window.stack._on_solo_requested("ad_1", True)


def muted(window, session):
    ready(window, session)
    window.stack._on_mute_toggled(True)


def narrow(window, session):
    """The left column at its least, with more rows than it can show."""
    ready(window, session)
    window.stack.show_rows([msgspec.structs.replace(row, id=f"{row.id}_{n}") for n in range(4) for row in rows()])
    window.stack._on_solo_requested("ad_2_0", True)
    window._columns.setSizes([260, 720, 300])


def dragging(window, session):
    idle(window, session)
    settle(50)
    below = window.stack._list.row("ad_3").geometry().bottomLeft()
    window.stack._list._on_drag_moved("ad_1", window.stack._list.widget().mapToGlobal(below))


def notes(window, session):
    ready(window, session)
    note = AdapterNote(notes="Speaks like a sailor.\nGood at 0.6, too much at 1.", weight=0.6, trigger="arr matey")
    session.notes_known.emit({adapter_key(rows()[1].path): note})
    window.stack._on_note_requested("ad_2")
    return window.stack._note_dialog


def fitting(window, session):
    library(session)
    session.become(State.READY, loaded())
    window.dialogs.ask_for_adapter()
    window.dialogs.chooser._fitting.setChecked(True)
    fits = (Fit("fits"), Fit("unknown", "Its weights are a .bin file."), Fit("misfit", "its q_proj is 4096 wide"))
    session.fits_judged.emit(MODEL, {row.path: fit for row, fit in zip(rows(), fits, strict=False)})
    return window.dialogs.chooser


def reply(window, session):
    ready(window, session)
    again = msgspec.structs.replace(logged_answer(), note="Reproduced: the same 3 tokens.")
    show_history(window, [logged_answer(), again])


def reply_menu(window, session):
    reply(window, session)
    window.place.chat.menu.open_for(logged_answer().id, window.mapToGlobal(window.rect().center()))
    return window.place.chat.menu


def recipes(window, session):
    ready(window, session)
    window.menus.recipes.load.trigger()
    session.recipes.recipes_listed.emit(recipe_entries())
    session.recipes.recipe_seen.emit(recipe_look())
    return window.recipe_desk.dialogs._list


def recipe_name(window, session):
    ready(window, session)
    window.menus.recipes.save.trigger()
    session.recipes.recipes_listed.emit(recipe_entries())
    window.recipe_desk.dialogs._names._name.setText("pirates")
    return window.recipe_desk.dialogs._names


def proved(window, session):
    """The table of a proof; behind it the window in folded mode, with the line about what the stack does."""
    ready(window, session)
    session.tools.mode_changed.emit("folded")
    session.tools.moved.emit(7.2512)
    check = StackCheck(modules=210, worst_module="q_proj", worst_error=3.7e-3, allowed=7.8e-3)
    names = [(row.name,) for row in rows()[:3]]
    receipt = report().receipts[:1]
    good = [Proof(names=name, receipts=receipt, check=check, moved=14.21, base_is_back=True) for name in names]
    unknown = Proof(
        names=("a DoRA",),
        receipts=(),
        check=None,
        why_unchecked="It is no sum of factors.",
        moved=3.1,
        base_is_back=True,
    )
    session.tools.proved.emit(Proved((*good, unknown), ""))
    return window.stack_actions._dialog


def effect(window, session):
    """The same window without the table, after a change that did nothing."""
    proved(window, session).close()
    session.tools.moved.emit(0.0)


def sampling(window, session):
    """The settings of sampling unfolded; what the loader has not is greyed."""
    ready(window, session)
    window.details.show_plan(PromptPlan(prompt="", sampling=Sampling(temperature=1.2, typical_p=0.9)))
    find_fold(window).setChecked(True)


def sampling_all(window, session):
    """The same with a loader that has all of it, and a template that was found by an adapter's files."""
    library(session)
    session.become(State.READY, msgspec.structs.replace(loaded(), sampling=Sampling.__struct_fields__))
    find_fold(window).setChecked(True)
    reason = "pirate was trained with it (training_prompt.json beside it)."
    session.prompts.automatic_found.emit(Automatic("alpaca-fr", reason))


def find_fold(window):
    """The button that unfolds them."""
    return window.details._sampling._fold


def own_templates():
    """One that is right, one that can't be read."""
    words = "latin.jinja is not UTF-8 text. Save it as UTF-8."
    source = "{#- stop: [\"</s>\"] -#}\n{% for message in messages %}\n{{ message['content'] }}\n{% endfor %}\n"
    return [
        Template(name="my own é", title="my own é", description="Your own, in my own é.jinja.", jinja=source),
        Template(name="latin", title="latin", description=words, jinja="", problem=words),
    ]


def templates(window, session):
    ready(window, session)
    session.prompts.templates_listed.emit(own_templates())
    window.prompt_desk.editor.open_at("llama-3")
    window.prompt_desk.editor.counter.counted.emit(64)
    return window.prompt_desk.editor


def template_wrong(window, session):
    ready(window, session)
    session.prompts.templates_listed.emit(own_templates())
    window.prompt_desk.editor.open_at("my own é")
    window.prompt_desk.editor._source.setPlainText("{% for message in messages %}\n{{ nothing }}\n{% endfor")
    window.prompt_desk.editor._show_preview()
    return window.prompt_desk.editor


def presets_listed(window, session):
    ready(window, session)
    broken = Preset(name="broken", problem="broken.toml is no preset or a damaged one (Expected `float`).")
    session.prompts.presets_listed.emit([*SHIPPED, Preset(name="mine & yours é"), broken])


def preset_name(window, session):
    presets_listed(window, session)
    window.details.presets.names.ask()
    window.details.presets.names._name.setText("mine & yours é")
    return window.details.presets.names


def presets_menu(window, session):
    presets_listed(window, session)
    menu = window.details.presets._menu
    menu.popup(window.mapToGlobal(window.rect().center()))
    return menu


CODE = """You could write it like this:

```python
def greet(name: str) -> str:
    # Ahoy, not hello
    return f"Ahoy, {name}!" * 2
```

Then call `greet("Anne")`. It gives:

1. **a greeting**, and
2. the same *again*.

| name | greeting |
|------|----------|
| Anne | Ahoy, Anne! |
"""


def talk(*texts, **values):
    """A conversation in turns; the replies have what made them."""
    made = new_conversation()
    for number, text in enumerate(texts):
        facts = facts_of(logged_answer(), {"torch": "2.13.0"}) if number % 2 else None
        made = append(made, "assistant" if number % 2 else "user", text, facts=facts)
    return change(made, **values)


def open_talk(window, session, made):
    """As if it had been read from the disk."""
    ready(window, session)
    session.conversations.opened.emit(made)
    settle(200)


def chat_code(window, session):
    """Three turns with code."""
    asked = ("Greet Anne in Python.", CODE, "Shorter?", "`print('Ahoy')`", "Thanks!", "Aye, any time.")
    open_talk(window, session, talk(*asked, title="Greetings"))


def chat_versions(window, session):
    """A long conversation whose last reply has three versions."""
    made = talk(*(f"{'Question' if number % 2 == 0 else 'Answer'} {number}. " * 6 for number in range(40)))
    parent = made.turns[-2].id
    for text in ("Another answer.", "And a third one."):
        made = append(made, "assistant", text, parent=parent, facts=facts_of(logged_answer(), {}))
    open_talk(window, session, show(made, made.turns[-2].id))


def chat_thinking(window, session):
    """Thinking, folded and unfolded."""
    thought = "<think>\nThe user asks for Paris.\nIt is in France.\n</think>\n\nIn **France**."
    made = talk("Where is Paris?", thought, "And Rome?", thought.replace("France", "Italy"))
    open_talk(window, session, made)
    window.chat.toggle_thinking(made.leaf)


def chat_full(window, session):
    """The context is full."""
    made = talk("First question?", "First answer.", "Second?", "Second answer.", "Third?", "Third answer.")
    facts = msgspec.structs.replace(made.turns[-1].facts, dropped=2, prompt_tokens=7900, tokens=250)
    open_talk(window, session, grow(made, made.leaf, "Third answer.", facts))


def notebook(window, session):
    """A text that was written on."""
    ready(window, session)
    window.menus.notebook.trigger()
    window.place.notebook.show_text("Once upon a time there was a pirate")
    window.chat.complete_notebook()
    session.answer_grew.emit(0, ", who loved the sea more than gold.", 9)
    session.answer_ended.emit(answer("Once", ", who loved"))


def search(window, session):
    """The list of conversations, searched."""
    chat_code(window, session)
    window.menus.search.trigger()
    entries = [
        ConversationEntry(id=str(number), title=title, changed="2026-11-25T10:00:00", messages=6, found=found)
        for number, (title, found) in enumerate((("Greetings", ""), ("A trip to Paris é", "...by the sea"), (LONG, "")))
    ]
    session.conversations.listed.emit("", entries)


def keep_example(window, session):
    """A reply is corrected and kept."""
    chat_code(window, session)
    window.conversations._on_verb("keep", window.chat.conversation.leaf)
    session.conversations.sets_listed.emit(["pirate talk"])
    return window.conversations._keep


def shortcuts(window, session):
    ready(window, session)
    window.menus.shortcuts.trigger()
    return window.wiring._shortcuts


STATES = (
    chat_code, chat_versions, chat_thinking, chat_full, notebook, search, keep_example, shortcuts,
    first_run, nothing_loaded, loading, idle, facts, answering, tagged, compared, hostile, failed,
    engine_gone, settings, misfit, chooser, loaders, solo, muted, narrow, dragging, notes, fitting, reply,
    recipes, recipe_name, proved, effect, sampling, sampling_all, templates, template_wrong,
    preset_name, *TRAIN_STATES, *library_states.STATES, *textgen_states.STATES, *quantize_states.STATES,
)  # fmt: skip


def settle(milliseconds: int) -> None:
    """Let the window draw itself."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def main(folder: str, *names: str) -> None:
    """Draw them all, or those that are named."""
    application = make_application([])
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    gallery = Gallery(place)
    drawn = (*library_states.DRAWN, *version_states.DRAWN, *quantize_states.DRAWN)
    for act in (*STATES, *drawn, reply_menu, presets_menu):
        if names and act.__name__ not in names:
            continue
        for size in SIZES:
            for scheme in ("light", "dark"):
                gallery.draw(act.__name__, size, scheme, act)
    # Widgets whose Python halves live longer than the application would bring the interpreter down at its end.
    application.closeAllWindows()
    sys.stdout.flush()
    os._exit(0)


def read_arguments(given: list[str]) -> argparse.Namespace:
    """The folder and the states of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.ui.gallery",
        description="Draws the states of the window into a folder, light and dark, at 1280x800 and 1920x1080.",
    )
    parser.add_argument("folder", help="where the pictures go; made if it is missing")
    parser.add_argument("states", nargs="*", metavar="STATE", help="only these; all without any")
    return parser.parse_args(given)


if __name__ == "__main__":
    asked = read_arguments(sys.argv[1:])
    main(asked.folder, *asked.states)
