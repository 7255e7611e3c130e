"""Templates, one's own and those that come along, with the exact text they make of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.api import Message, RowTokens
from desktop.library.prompt_files import PromptFileError, safe_name
from desktop.prompting.jinja_templates import stops_of_jinja
from desktop.prompting.templates import MODEL_TEMPLATE, TEMPLATES, Template, TemplateError, template_names

from . import theme
from .lists import set_rows
from .token_counter import TokenCounter
from .token_preview import TokenPreview

DELAY = 200
"""Milliseconds without typing before the preview is made anew."""


class TemplateEditor(QDialog):
    """Not modal; nothing is kept before Save. What comes along can be read and copied, not changed."""

    #: Keep this template: its name and its source.
    save_requested = Signal(str, str)
    #: Delete the user's template of this name.
    delete_requested = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        """With the templates that come along."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Templates"))
        self.resize(900, 620)
        self.counter = TokenCounter(self, direction=-1)
        self._own: dict[str, Template] = {}
        self._foreign: dict[str, Template] = {}
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Templates"))
        self._list.setFixedWidth(190)
        set_rows(self._list)
        self._name = QLineEdit()
        self._source = self._box(self.tr("Template in Jinja"))
        self._preview = TokenPreview(self.tr("Text for the model"))
        self._note = theme.Note(parent=self)
        self._copy = QPushButton(self.tr("&Copy as my own"))
        self._delete = QPushButton(self.tr("&Delete"))
        self._save = QPushButton(self.tr("&Save"))
        self._close = QPushButton(self.tr("Close"))
        self._typing = QTimer(self, singleShot=True, interval=DELAY)
        self._tokens: int | None = None
        self._build()
        self._connect_signals()
        self.show_templates(())

    def open_at(self, name: str) -> None:
        """Open with a template shown."""
        self._choose(name)
        self.show()
        self.raise_()
        self.activateWindow()

    def show_templates(self, own: Sequence[Template]) -> None:
        """The user's own are these, and those of other programs' folders; what is being edited stays."""
        self._own = {template.name: template for template in own if not template.file}
        self._foreign = {template.name: template for template in own if template.file}
        chosen = self._chosen()
        self._list.blockSignals(True)
        self._list.clear()
        for template in (*TEMPLATES, *own):
            if template.name != MODEL_TEMPLATE:
                item = QListWidgetItem(template.title, self._list)
                item.setData(0x100, template.name)
                item.setToolTip(theme.as_tooltip(template.description))
        self._list.blockSignals(False)
        name = self._name.text().strip()
        self._select(chosen or (name if name in self._own else ""))
        self._judge()

    def _all(self) -> list[Template]:
        """All but those that come along."""
        return [*self._own.values(), *self._foreign.values()]

    def _box(self, name: str) -> QPlainTextEdit:
        box = QPlainTextEdit()
        box.setAccessibleName(name)
        box.setFont(theme.fixed_width_font())
        box.setTabChangesFocus(True)
        return box

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GAP)
        buttons.addWidget(self._delete)
        buttons.addStretch(1)
        for button in (self._copy, self._save, self._close):
            buttons.addWidget(button)
        for button in (self._copy, self._delete, self._save, self._close):
            button.setAutoDefault(False)
        right = QVBoxLayout()
        right.setSpacing(theme.GRID)
        for title, widget in (
            (self.tr("&Name"), self._name),
            (self.tr("&Template in Jinja"), self._source),
            (self.tr("Text &for the model, of an example"), self._preview),
        ):
            label = QLabel(title)
            label.setBuddy(widget)
            right.addWidget(label)
            right.addWidget(widget, 0 if widget is self._name else 1)
        right.addWidget(self._note)
        right.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self._list)
        layout.addLayout(right, 1)

    def _connect_signals(self) -> None:
        self._list.currentItemChanged.connect(self._on_chosen)
        self._source.textChanged.connect(self._typing.start)
        self._typing.timeout.connect(self._show_preview)
        self._name.textChanged.connect(self._judge)
        self._copy.clicked.connect(self._on_copy)
        self._save.clicked.connect(self._on_save)
        self._delete.clicked.connect(self._on_delete)
        self._close.clicked.connect(self.close)
        self.counter.counted.connect(self._on_counted)

    def _chosen(self) -> str:
        item = self._list.currentItem()
        return str(item.data(0x100)) if item else ""

    def _select(self, name: str) -> bool:
        """Mark a template in the list without showing it."""
        self._list.blockSignals(True)
        row = next((row for row in range(self._list.count()) if self._list.item(row).data(0x100) == name), -1)
        self._list.setCurrentRow(row)
        self._list.blockSignals(False)
        return row >= 0

    def _choose(self, name: str) -> None:
        """Show a template; the first one where there is none of that name."""
        name = name if self._select(name) else TEMPLATES[0].name
        self._select(name)
        template = next(one for one in (*TEMPLATES, *self._all()) if one.name == name)
        self._name.setText(name)
        self._source.setPlainText(template.source)
        self._show_preview()

    def _judge(self) -> None:
        """Say what can be done with what stands here."""
        name = self._name.text()
        fixed = name in template_names() or name in self._foreign
        problem = ""
        try:
            safe_name(name, () if fixed else template_names())
        except PromptFileError as error:
            problem = str(error)
        self._source.setReadOnly(fixed)
        empty = not self._source.toPlainText().strip()
        self._save.setEnabled(not fixed and not problem and not empty)
        self._save.setText(self.tr("&Replace") if name.strip() in self._own else self.tr("&Save"))
        self._delete.setEnabled(name in self._own)
        words = self.tr("What comes along, or is another program's, stays as it is. Copy it to change it.")
        self._save.setToolTip(words if fixed else problem)

    def _show_preview(self) -> None:
        self._judge()
        source = self._source.toPlainText()
        template = Template(name=self._name.text(), title="", description="", jinja=source)
        try:
            text = template.render_messages(self._example())
        except TemplateError as error:
            self._preview.show_text("")
            self._note.say(str(error), error=True)
            self.counter.text_changed("")
            return
        self._preview.show_text(text)
        self._tokens = None
        broken = self._own.get(self._name.text()) or self._foreign.get(self._name.text())
        if broken is not None and broken.problem and not source:
            self._note.say(broken.problem, error=True)
            return
        self._tell()
        self.counter.text_changed(text)

    def _tell(self) -> None:
        stops = [text.replace("\n", "\\n") for text in stops_of_jinja(self._source.toPlainText())]
        words = self.tr("Answers end at {stops}").format(stops=self.tr(" and at ").join(stops))
        parts = [words] if stops else [self.tr("No stop texts")]
        if self._tokens is not None:
            parts.insert(0, self.tr("{count:,} tokens").format(count=self._tokens))
        self._note.say(" · ".join(parts))

    def _example(self) -> list[Message]:
        talk = [
            Message("user", self.tr("What is the capital of France?")),
            Message("assistant", self.tr("Paris.")),
            Message("user", self.tr("And of Japan?")),
        ]
        chosen = next((one for one in (*TEMPLATES, *self._all()) if one.name == self._name.text()), None)
        has_place = chosen is None or chosen.takes_system
        return [Message("system", self.tr("Answer briefly.")), *talk] if has_place else talk

    def _on_chosen(self) -> None:
        if name := self._chosen():
            self._choose(name)

    @Slot(int, object)
    def take_tokens(self, number: int, tokens: RowTokens) -> None:
        """The engine told the tokens one by one."""
        if self.counter.is_about(number):
            self._preview.show_tokens(tokens)

    def _on_counted(self, tokens: int | None) -> None:
        self._tokens = tokens
        if self._preview.toPlainText():
            self._tell()

    def _on_copy(self) -> None:
        self._select("")
        taken = {*template_names(), *self._own, *self._foreign}
        wanted = free = self.tr("my {name}").format(name=self._name.text().strip())
        number = 1
        while free in taken:
            number += 1
            free = f"{wanted} {number}"
        self._name.setText(free)
        self._show_preview()
        self._name.setFocus()

    def _on_save(self) -> None:
        self.save_requested.emit(self._name.text().strip(), self._source.toPlainText())

    def _on_delete(self) -> None:
        box = QMessageBox(self)
        box.setWindowTitle(self.tr("Delete a template"))
        box.setText(
            self.tr("Delete the template {name}? It can't be brought back.").format(name=repr(self._name.text()))
        )
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.addButton(self.tr("Delete"), QMessageBox.ButtonRole.DestructiveRole).clicked.connect(self._on_sure)
        box.open()

    def _on_sure(self) -> None:
        self.delete_requested.emit(self._name.text())
        self._choose(TEMPLATES[0].name)
