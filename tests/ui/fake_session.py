"""A session that starts nothing: the window's tests drive its signals and read what was asked of it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.plans import State
from tests.ui.fake_library import FakeLibrary


class FakeTools(QObject):
    """The signals of `desktop.session.stack_tools.StackTools`."""

    progressed = Signal(str, object)
    mode_changed = Signal(str)
    proved = Signal(object)
    exported = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    moved = Signal(float)
    ended = Signal()


class FakeRecipes(QObject):
    """The same signals and verbs as `desktop.session.recipe_keeper.RecipeKeeper`; a test compares the two."""

    recipes_listed = Signal(list)
    recipe_seen = Signal(object)
    reproduction_found = Signal(object)
    recipe_read = Signal(str)
    told = Signal(str)
    refused = Signal(str)

    def __init__(self, asked):
        """What is asked goes to the list of the session."""
        super().__init__()
        self.asked = asked


class FakePrompts(QObject):
    """The same signals and verbs as `desktop.session.prompt_keeper.PromptKeeper`; a test compares the two."""

    templates_listed = Signal(list)
    presets_listed = Signal(list)
    automatic_found = Signal(object)
    refused = Signal(str)

    def __init__(self, asked):
        """What is asked goes to the list of the session."""
        super().__init__()
        self.asked = asked


class FakeMeasuring(QObject):
    """The signal of `desktop.session.measuring.Measuring`."""

    measured = Signal(object)


class FakeTraining(QObject):
    """The same signals and verbs as `desktop.session.train_keeper.TrainKeeper`; a test compares the two."""

    data_listed = Signal(list, list)
    check_progressed = Signal(float)
    data_checked = Signal(object)
    data_refused = Signal(str)
    row_shown = Signal(object)
    run_planned = Signal(object)
    plan_refused = Signal(str)
    run_started = Signal(str)
    start_refused = Signal(str)

    def __init__(self, asked):
        """What is asked goes to the list of the session."""
        super().__init__()
        self.asked = asked


class FakeRuns(QObject):
    """The same signals and verbs as `desktop.session.run_keeper.RunKeeper`; a test compares the two."""

    runs_listed = Signal(list)
    run_grew = Signal(object)
    run_ended = Signal(object)
    runs_read = Signal(list)
    told = Signal(str)
    refused = Signal(str)

    def __init__(self, asked):
        """What is asked goes to the list of the session."""
        super().__init__()
        self.asked = asked


class FakeQuantizing(QObject):
    """The same signals and verbs as `desktop.session.quantize_keeper.QuantizeKeeper`; a test compares the two."""

    looked = Signal(object)
    began = Signal(str)
    progressed = Signal(str, object)
    quantized = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    became_free = Signal()

    def __init__(self, asked):
        """What is asked goes to the list of the session."""
        super().__init__()
        self.asked = asked


class FakeConversations(QObject):
    """The same signals and verbs as `desktop.session.conversation_keeper.ConversationKeeper`; a test compares them."""

    listed = Signal(str, list)
    opened = Signal(object)
    deleted = Signal(str)
    sets_listed = Signal(list)
    told = Signal(str)
    refused = Signal(str)

    def __init__(self, asked):
        """What is asked goes to the list of the session."""
        super().__init__()
        self.asked = asked


class FakeTokens(QObject):
    """Stands in for the tokens of a text."""

    tokens_split = Signal(int, object)

    def __init__(self, asked):
        """What is asked goes to the list of the session."""
        super().__init__()
        self.asked = asked

    def split(self, *args):
        self.asked.append(("split", args))


class FakeSession(QObject):
    """The same signals and verbs as `desktop.session.session.Session`; a test compares the two."""

    state_changed = Signal(object)
    progressed = Signal(str, object)
    model_loaded = Signal(object)
    model_unloaded = Signal()
    load_failed = Signal(object)
    load_cancelled = Signal()
    starter_ready = Signal(str, str)
    stack_changed = Signal(object)
    answer_grew = Signal(int, str, int)
    answer_ended = Signal(object)
    answer_failed = Signal(object, object)
    engine_lost = Signal(object)
    tokens_counted = Signal(int, int)
    files_changed = Signal(str)
    memory_measured = Signal(object)
    models_listed = Signal(list)
    adapters_listed = Signal(list)
    adapter_inspected = Signal(str, object)
    loaders_described = Signal(list, list)
    verdicts_found = Signal(str, list)
    memory_judged = Signal(str, object)
    fit_judged = Signal(str, str, object)
    fits_judged = Signal(str, object)
    devices_found = Signal(list)
    notes_known = Signal(object)
    notes_failed = Signal(str)
    save_due = Signal()
    save_failed = Signal(str)
    work_failed = Signal(str, str)

    def __init__(self, root):
        """`root` is a home folder nothing is written to."""
        super().__init__()
        self.home = Home(root)
        self.tools = FakeTools(self)
        self.settings = Settings()
        self.state = State.EMPTY
        self.loaded = None
        self.asked = []
        """What was asked, in order: the verb's name and its arguments."""
        self.recipes = FakeRecipes(self.asked)
        self.library = FakeLibrary(self.asked)
        self.prompts = FakePrompts(self.asked)
        self.measuring = FakeMeasuring(self)
        self.training = FakeTraining(self.asked)
        self.tokens = FakeTokens(self.asked)
        self.runs = FakeRuns(self.asked)
        self.quantizing = FakeQuantizing(self.asked)
        self.conversations = FakeConversations(self.asked)

    def become(self, state, loaded=None):
        """As if the engine had come to this state; what was loaded stays, but in an empty one."""
        self.loaded = None if state is State.EMPTY else loaded or self.loaded
        self.state = state
        self.state_changed.emit(state)
        if loaded is not None:
            self.model_loaded.emit(loaded)

    def last(self, verb):
        """The arguments of the last call of a verb."""
        return next((args for name, args in reversed(self.asked) if name == verb), None)


def _verb(name):
    def verb(self, *args):
        self.asked.append((name, args))

    verb.__name__ = name  # PySide looks a slot up by it
    return verb


VERBS = (
    "inspect_adapter",
    "warm_up", "load", "get_starter", "cancel", "unload", "restart", "set_rows", "answer", "count_tokens",
    "list_library", "describe_loaders", "look_at_devices", "probe", "judge_fit", "set_mode", "prove_stack",
    "export_stack", "measure", "touch", "save", "shut_down",
    "let_changes_wait",
    "judge_fits", "read_notes", "keep_note",
)  # fmt: skip
RECIPE_VERBS = (
    "know_loaded", "know_mode", "forget_loaded", "record", "list_recipes", "save_reply", "read_reply", "reproduce",
    "save_stack", "look_at", "take_in", "give_out", "shut_down",
)  # fmt: skip
PROMPT_VERBS = (
    "list_all", "find_automatic", "save_template", "delete_template", "save_preset", "delete_preset", "shut_down",
)  # fmt: skip
TRAINING_VERBS = (
    "list_data", "check_data", "show_row", "plan_run", "start_training", "resume_run", "shut_down",
)  # fmt: skip
RUN_VERBS = (
    "begin", "list_runs", "show_run", "follow_run", "tell_run", "read_runs", "trash_run", "export_csv", "save_picture",
    "shut_down",
)  # fmt: skip
QUANTIZE_VERBS = ("look_at", "quantize", "cancel", "shut_down")
CONVERSATION_VERBS = (
    "warm_up", "list_all", "open", "keep", "rename", "delete", "give_out", "take_in", "list_sets", "keep_example",
    "shut_down",
)  # fmt: skip
for _name in VERBS:
    setattr(FakeSession, _name, _verb(_name))
for _name in RECIPE_VERBS:
    setattr(FakeRecipes, _name, _verb(_name))
for _name in PROMPT_VERBS:
    setattr(FakePrompts, _name, _verb(_name))
for _name in TRAINING_VERBS:
    setattr(FakeTraining, _name, _verb(_name))
for _name in RUN_VERBS:
    setattr(FakeRuns, _name, _verb(_name))
for _name in QUANTIZE_VERBS:
    setattr(FakeQuantizing, _name, _verb(_name))
for _name in CONVERSATION_VERBS:
    setattr(FakeConversations, _name, _verb(_name))
