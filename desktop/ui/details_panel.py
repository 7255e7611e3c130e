"""At the right, foldable: the template and the sampling, and the facts about the selected adapter."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.api import Sampling, settings_schema
from desktop.library.automatic_template import Automatic
from desktop.library.presets import Preset
from desktop.prompting.templates import MODEL_TEMPLATE, TEMPLATES, Template
from desktop.prompting.text_lists import line_from, texts_from
from desktop.session.plans import Loaded, PromptPlan

from . import theme
from .adapter_facts import AdapterFacts
from .preset_menu import PresetMenu
from .schema_form import SchemaForm


class DetailsPanel(QWidget):
    """Gathers everything about a prompt but its text."""

    #: The user changed something.
    plan_edited = Signal()
    #: Open the editor of templates at this one.
    editing_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Everything at its default."""
        super().__init__(parent)
        self.facts = AdapterFacts()
        self.presets = PresetMenu()
        self._own: tuple[Template, ...] = ()
        self._automatic: Automatic | None = None
        self._edit = QToolButton()
        self._edit.setText(self.tr("Edit..."))
        self._edit.setAccessibleName(self.tr("Edit templates"))
        self._edit.setToolTip(self.tr("Look at what templates make of a conversation, and write your own."))
        self._template = QComboBox()
        self._template.setAccessibleName(self.tr("Template"))
        self._template.addItem(self.tr("Automatic"), "")
        for template in TEMPLATES:
            self._template.addItem(template.title, template.name)
        self._wanted = ""
        """A template that is to be chosen as soon as it is listed."""
        self._about = theme.Note()
        self._input = self._box(
            self.tr("Input"), self.tr("What the instruction is about; some templates have a place for it.")
        )
        self._system = self._box(
            self.tr("System message"), self.tr("Who the model is to be; for the model's own template.")
        )
        self._sampling = SchemaForm()
        self._sampling.show_schema(settings_schema(Sampling))
        self._longest = QSpinBox()
        self._longest.setRange(1, 1_000_000)
        self._longest.setValue(512)
        self._longest.setAccessibleName(self.tr("Longest answer in tokens"))
        self._longest.setToolTip(self.tr("The answer is cut after this many tokens."))
        self._stop = QLineEdit()
        self._stop.setAccessibleName(self.tr("Stop texts"))
        self._stop.setPlaceholderText(self.tr("none"))
        self._stop.setToolTip(
            self.tr("Texts at which the answer ends, separated by |. Write \\n for a line break and \\| for a bar.")
        )
        self._build()
        self._connect_signals()
        self._on_template_chosen()

    def plan(self, prompt: str, compare: bool) -> PromptPlan:
        """The plan for a prompt, frozen before the job begins."""
        name = self._template.currentData()
        return PromptPlan(
            prompt=prompt,
            template=name,
            input=self._input.toPlainText() if self._input.isVisibleTo(self) else "",
            system=self._system.toPlainText() if self._system.isVisibleTo(self) else "",
            sampling=self.sampling(),
            max_new_tokens=self._longest.value(),
            stop=texts_from(self._stop.text()),
            compare=compare,
        )

    def sampling(self) -> Sampling:
        """The sampling as it is set."""
        return msgspec.convert(self._sampling.values(), Sampling)

    def show_templates(self, own: Sequence[Template]) -> None:
        """The user's own templates are these; the one that is chosen stays, unless it is gone."""
        chosen = self._template.currentData()
        self._own = tuple(own)
        with QSignalBlocker(self._template):
            while self._template.count() > len(TEMPLATES) + 1:
                self._template.removeItem(self._template.count() - 1)
            for template in own:
                self._template.addItem(template.title, template.name)
            # Until they are listed, a template of the user's own that was saved is not there yet.
            self._template.setCurrentIndex(max(self._template.findData(self._wanted or chosen), 0))
        self._wanted = ""
        self._show_template()

    @Slot(object)
    def show_automatic(self, found: Automatic | None) -> None:
        """Which template is taken where none is chosen, and why; None before anybody knows."""
        self._automatic = found
        self._show_template()

    def kept_texts(self) -> tuple[str, str]:
        """The input and the system message as they were typed, whether the template has a place for them or not."""
        return self._input.toPlainText(), self._system.toPlainText()

    def show_plan(self, plan: PromptPlan) -> None:
        """Show what a plan says."""
        row = self._template.findData(plan.template)
        self._wanted = plan.template if row < 0 else ""
        self._template.setCurrentIndex(max(row, 0))
        self._input.setPlainText(plan.input)
        self._system.setPlainText(plan.system)
        self._sampling.set_values(msgspec.structs.asdict(plan.sampling))
        self._longest.setValue(min(plan.max_new_tokens, self._longest.maximum()))
        self._stop.setText(line_from(plan.stop))

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model was loaded, or is no more: some things can't be had with every one."""
        has_template = loaded is None or loaded.info.has_template
        row = self._template.findData(MODEL_TEMPLATE)
        item = self._template.model().item(row)  # type: ignore[attr-defined]
        item.setEnabled(has_template)
        item.setToolTip("" if has_template else self.tr("This model brings no chat template of its own."))
        self._sampling.set_usable(
            loaded.sampling if loaded and loaded.sampling else None, self.tr("The loader has no such setting.")
        )
        self.facts.show_loaded(loaded)

    def _box(self, name: str, words: str) -> QPlainTextEdit:
        box = QPlainTextEdit()
        box.setAccessibleName(name)
        box.setToolTip(words)
        box.setPlaceholderText(name)
        box.setTabChangesFocus(True)
        box.setFixedHeight(56)
        return box

    def _build(self) -> None:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        layout.setSpacing(theme.GAP)
        choosing = QHBoxLayout()
        choosing.setSpacing(theme.GAP)
        choosing.addWidget(self._template, 1)
        choosing.addWidget(self._edit)
        layout.addWidget(theme.heading(self.tr("Template")))
        layout.addLayout(choosing)
        for widget in (self._about, self._system, self._input):
            layout.addWidget(widget)
        layout.addSpacing(theme.GAP)
        heading = QHBoxLayout()
        heading.addWidget(theme.heading(self.tr("Sampling")), 1)
        heading.addWidget(self.presets)
        layout.addLayout(heading)
        layout.addWidget(self._sampling)
        self._sampling.add_row(self.tr("longest answer"), self._longest)
        self._sampling.add_row(self.tr("stop at"), self._stop)
        layout.addSpacing(theme.GAP)
        layout.addWidget(self.facts)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Details"))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _connect_signals(self) -> None:
        self._template.currentIndexChanged.connect(self._on_template_chosen)
        self._edit.clicked.connect(self._on_edit)
        self.presets.preset_chosen.connect(self._on_preset_chosen)
        self._input.textChanged.connect(self.plan_edited)
        self._system.textChanged.connect(self.plan_edited)
        self._sampling.values_changed.connect(self.plan_edited)
        self._longest.valueChanged.connect(self.plan_edited)
        self._stop.textEdited.connect(self.plan_edited)

    def _on_template_chosen(self) -> None:
        self._wanted = ""
        self._show_template()
        self.plan_edited.emit()

    def _show_template(self) -> None:
        found = self._automatic
        name = self._template.currentData()
        taken = name or (found.name if found else "")
        template = next((one for one in (*TEMPLATES, *self._own) if one.name == taken), None)
        if name and template is not None:
            self._about.say(template.description, error=bool(template.problem))
        elif found is not None and template is not None:
            self._about.say(f"{template.title}. {found.reason}")
        else:
            self._about.say(
                self.tr("What the adapter was trained with, else the model's own, else the prompt as it stands.")
            )
        self._input.setVisible(template is not None and template.takes_input)
        self._system.setVisible(template is None or template.takes_system)

    def _on_edit(self) -> None:
        found = self._automatic
        self.editing_requested.emit(self._template.currentData() or (found.name if found else ""))

    @Slot(object)
    def _on_preset_chosen(self, preset: Preset) -> None:
        self._sampling.set_values(msgspec.structs.asdict(preset.sampling))
        self.plan_edited.emit()
