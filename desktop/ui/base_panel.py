"""The base model: which one, by which loader, how it is held, and the one button that loads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.discovery.choice import Choice
from desktop.library.memory import MemoryFacts
from desktop.library.models import ModelEntry
from desktop.library.sizes import size_in_words
from desktop.session.plans import Loaded, LoadPlan, State

from . import theme
from .icons import Icons
from .load_form import LoadForm
from .loader_box import LoaderBox
from .model_facts import context_in_words, estimate_in_words, loaded_in_words

PATH_ROLE = Qt.ItemDataRole.UserRole


class BasePanel(QWidget):
    """Always in sight, above the stack."""

    #: Load this: LoadPlan.
    load_requested = Signal(object)
    #: End what is going on.
    cancel_requested = Signal()
    #: Give the memory back.
    unload_requested = Signal()
    #: A model was chosen: its path.
    model_chosen = Signal(str)
    #: Look for a model on the disk: True for a folder, False for a file.
    browse_requested = Signal(bool)
    #: Something that is saved has changed.
    plan_changed = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Nothing to choose from yet."""
        super().__init__(parent)
        self._icons = icons
        self._state = State.EMPTY
        self._loaded: Loaded | None = None
        self._facts = MemoryFacts()
        self._outside: list[str] = []
        self._entries: list[ModelEntry] = []
        self._wanted = ""
        self._make_controls(icons)
        self._build()
        self._connect_signals()
        self._show_buttons()

    def plan(self) -> LoadPlan | None:
        """What would be loaded; None where no model is chosen."""
        path = self._model.currentData(PATH_ROLE)
        if not path:
            return None
        plan = LoadPlan(name=self._model.currentText(), path=path, loader=self._loader.wanted())
        return plan if self._form.is_valid() else self._form.fill(plan)

    def show_plan(self, plan: LoadPlan) -> None:
        """Choose what a plan says, though the library has not been listed yet."""
        self._form.show_plan(plan)
        self.choose(plan.path, plan.name)
        self._loader.want(plan.loader)

    def choose(self, path: str, name: str = "") -> None:
        """Choose a model by its path, inside the library or not."""
        if self._model.findData(path, PATH_ROLE) < 0:
            self._outside.append(path)
            self._model.addItem(name or Path(path).name, path)
        self._model.setCurrentIndex(self._model.findData(path, PATH_ROLE))

    def request_load(self) -> None:
        """As if the Load button had been pressed."""
        if self._load.isEnabled():
            self._on_load_clicked()

    def show_models(self, entries: Sequence[ModelEntry]) -> None:
        """The library was listed: keep the choice, offer what is there now."""
        self._entries = list(entries)
        chosen, name = self._model.currentData(PATH_ROLE), self._model.currentText()
        listed = {entry.path for entry in entries}
        with QSignalBlocker(self._model):
            self._model.clear()
            for entry in entries:
                self._model.addItem(entry.name, entry.path)
                row = self._model.count() - 1
                words = entry.problem or f"{entry.format}, {size_in_words(entry.size)}\n{entry.path}"
                self._model.setItemData(row, theme.as_tooltip(words), Qt.ItemDataRole.ToolTipRole)
            for path in self._outside:
                if path not in listed:
                    self._model.addItem(Path(path).name, path)
            if chosen and self._model.findData(chosen, PATH_ROLE) < 0:
                self._model.addItem(name, chosen)
            self._model.setCurrentIndex(self._first_choice(chosen))
        if self._model.currentData(PATH_ROLE) != chosen:
            self._on_model_chosen()
        else:
            self._show_facts()
        self._show_buttons()

    def lists(self, path: str) -> bool:
        """Whether the library's list has the model at a path."""
        return any(entry.path == path for entry in self._entries)

    def show_verdicts(self, path: str, choices: Sequence[Choice]) -> None:
        """The loaders' verdicts about the chosen model came."""
        if path != self._model.currentData(PATH_ROLE):
            return
        self._loader.show_choices(choices)
        self._on_loader_chosen()

    def show_memory(self, path: str, facts: MemoryFacts) -> None:
        """What the context of the chosen model costs."""
        if path == self._model.currentData(PATH_ROLE):
            self._facts = facts
            self._show_facts()

    def show_state(self, state: State) -> None:
        """Offer what can be done now."""
        self._state = state
        self._show_buttons()

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model is in memory, or is no more."""
        self._loaded = loaded
        self._show_facts()
        self._show_buttons()

    def focus_model(self) -> None:
        """Put the keyboard on the choice of the model."""
        self._model.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _make_controls(self, icons: Icons) -> None:
        self._model = QComboBox()
        self._model.setAccessibleName(self.tr("Base model"))
        self._model.setPlaceholderText(self.tr("No model yet"))
        self._model.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._browse = QToolButton()
        self._browse.setText(self.tr("Browse"))
        self._browse.setToolTip(self.tr("Choose a model that is not in the library"))
        self._browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._browse)
        self._folder_action = menu.addAction(self.tr("A model's &folder..."))
        self._file_action = menu.addAction(self.tr("A single &file (GGUF, safetensors)..."))
        self._browse.setMenu(menu)
        icons.put(self._browse, "mdi6.folder-open-outline")
        self._loader = LoaderBox()
        self._facts_note = theme.Note()
        self._verdict = theme.Note()
        self._load = QPushButton(self.tr("Load"))
        self._load.setToolTip(self.tr("Load the chosen model (Ctrl+O)"))
        icons.put(self._load, "mdi6.play")
        self._unload = QPushButton(self.tr("Unload"))
        self._unload.setToolTip(self.tr("Give the model's memory back"))
        icons.put(self._unload, "mdi6.eject-outline")
        self._settings = QToolButton()
        self._settings.setText(self.tr("Settings"))
        self._settings.setToolTip(self.tr("Bits, type, device and the loader's own settings"))
        self._settings.setCheckable(True)
        self._settings.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._settings.setArrowType(Qt.ArrowType.RightArrow)
        self._form = LoadForm()
        self._form.hide()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.GAP)
        layout.setSpacing(theme.GAP)
        layout.addWidget(theme.heading(self.tr("Base model")))
        row = QHBoxLayout()
        row.addWidget(self._model, 1)
        row.addWidget(self._browse)
        layout.addLayout(row)
        layout.addWidget(self._loader)
        layout.addWidget(self._verdict)
        layout.addWidget(self._facts_note)
        row = QHBoxLayout()
        row.addWidget(self._load)
        row.addWidget(self._unload)
        row.addStretch(1)
        row.addWidget(self._settings)
        layout.addLayout(row)
        layout.addWidget(self._form)

    def _connect_signals(self) -> None:
        self._model.currentIndexChanged.connect(self._on_model_chosen)
        self._loader.currentIndexChanged.connect(self._on_loader_chosen)
        self._folder_action.triggered.connect(self._on_browse_folder)
        self._file_action.triggered.connect(self._on_browse_file)
        self._load.clicked.connect(self._on_load_clicked)
        self._unload.clicked.connect(self.unload_requested)
        self._settings.toggled.connect(self._on_settings_toggled)
        self._form.values_changed.connect(self._on_form_changed)

    def _first_choice(self, chosen: str | None) -> int:
        """What was chosen before, else the first model without a problem."""
        if chosen:
            return self._model.findData(chosen, PATH_ROLE)
        good = (row for row, entry in enumerate(self._entries) if not entry.problem)
        return next(good, 0 if self._entries else -1)

    def _show_facts(self) -> None:
        path = self._model.currentData(PATH_ROLE)
        if self._loaded is not None and self._loaded.plan.path == path:
            now = loaded_in_words(self._loaded)
        else:
            entry, choice = self._entry(), self._loader.chosen()
            stored = (choice.verdict.memory_bytes if choice else 0) or (entry.size if entry else 0)
            now = estimate_in_words(stored, self._form.bits())
        self._facts_note.say("\n".join(words for words in (now, context_in_words(self._facts)) if words))

    def _entry(self) -> ModelEntry | None:
        """What the library knows of the chosen model."""
        path = self._model.currentData(PATH_ROLE)
        return next((entry for entry in self._entries if entry.path == path), None)

    def _say_verdict(self) -> None:
        """Why it can't be loaded, or who loads it and why."""
        choice, entry = self._loader.chosen(), self._entry()
        wrong = self._form.is_valid()
        words = wrong or self._loader.words() or (entry.problem if entry and choice is None else "")
        self._verdict.say(words, error=bool(wrong) or choice is None or not choice.can_load)

    def _show_buttons(self) -> None:
        loading = self._state is State.LOADING
        chosen = bool(self._model.currentData(PATH_ROLE))
        busy = self._state in {State.ANSWERING, State.WORKING}
        self._load.setText(self.tr("Cancel") if loading else self.tr("Load"))
        self._icons.put(self._load, "mdi6.close" if loading else "mdi6.play")
        self._load.setEnabled(
            loading or (chosen and not busy and not self._loader.is_refused() and not self._form.is_valid())
        )
        self._unload.setVisible(self._loaded is not None)
        self._unload.setEnabled(self._state in {State.READY, State.LOST})
        for widget in (self._model, self._browse, self._loader, self._form):
            widget.setEnabled(not loading)

    def _on_model_chosen(self) -> None:
        self._loader.forget()
        self._facts = MemoryFacts()
        self._form.forget_leave()
        path = self._model.currentData(PATH_ROLE)
        self._say_verdict()
        self._show_facts()
        self._show_buttons()
        if path:
            self.model_chosen.emit(path)
        self.plan_changed.emit()

    def _on_loader_chosen(self) -> None:
        choice = self._loader.chosen()
        self._say_verdict()
        self._form.show_loader(choice.found.info if choice else None)
        self._show_facts()
        self._show_buttons()
        self.plan_changed.emit()

    def _on_form_changed(self) -> None:
        self._say_verdict()
        self._show_facts()
        self._show_buttons()
        self.plan_changed.emit()

    def _on_settings_toggled(self, shown: bool) -> None:
        self._settings.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._form.setVisible(shown)

    def _on_load_clicked(self) -> None:
        if self._state is State.LOADING:
            self.cancel_requested.emit()
        elif (plan := self.plan()) is not None:
            self.load_requested.emit(plan)

    def _on_browse_folder(self) -> None:
        self.browse_requested.emit(True)

    def _on_browse_file(self) -> None:
        self.browse_requested.emit(False)
