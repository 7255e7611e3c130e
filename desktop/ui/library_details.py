"""What is known of the chosen thing of the library, what the user keeps about it, its card, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil
from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.api import Lora
from desktop.library.adapter_notes import AdapterNote
from desktop.library.names import make_row_id
from desktop.library.shelf.items import Item
from desktop.library.shelf.marks import Mark, parse_tags
from desktop.library.sizes import size_in_words
from desktop.session.plans import StackReport

from . import theme
from .adapter_facts import AdapterFacts
from .card_view import CardView
from .fact_rows import FactRows
from .icons import Icons

REST = 250
"""Milliseconds on one thing before its files are read: whoever goes through the list with the arrow keys waits for
none of them."""


class LibraryDetails(QWidget):
    """About nothing while nothing is chosen."""

    #: Use it: put an adapter on the stack, choose a model as the base. Item.
    use_wanted = Signal(object)
    #: Show its folder in the system's file manager: its path.
    folder_wanted = Signal(str)
    #: Give it another name, move it, delete it, write notes about it: Item.
    rename_wanted = Signal(object)
    move_wanted = Signal(object)
    delete_wanted = Signal(object)
    note_wanted = Signal(object)
    #: Ask the hub whether it has a newer version of what lies at this path.
    update_wanted = Signal(str)
    #: Make a quantised copy of this model: Item.
    quantize_wanted = Signal(object)
    #: Keep these tags: its path, a tuple of texts.
    tags_edited = Signal(str, object)
    #: Keep whether it is a favourite: its path.
    favourite_edited = Signal(str, bool)
    #: Its card is wanted: its path.
    card_wanted = Signal(str)

    def __init__(self, icons: Icons, facts: AdapterFacts, parent: QWidget | None = None) -> None:
        """Nothing is chosen; `facts` is shown of an adapter."""
        super().__init__(parent)
        self._item: Item | None = None
        self._mark, self._note, self._used, self._versions = Mark(), AdapterNote(), "", ""
        self._soon = QTimer(self, singleShot=True, interval=REST)
        self._soon.timeout.connect(self._on_rested)
        self._name = theme.Elided(self.tr("Nothing is chosen."))
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._problem = theme.Note(parent=self)
        self._use = QPushButton()
        icons.put(self._use, "mdi6.plus")
        self._favourite = QPushButton(self.tr("Favourite"))
        self._favourite.setCheckable(True)
        icons.put(self._favourite, "mdi6.star-outline")
        self._folder = QPushButton(self.tr("Open folder"))
        self._rename = QPushButton(self.tr("Rename..."))
        self._move = QPushButton(self.tr("Move..."))
        self._delete = QPushButton(self.tr("Delete..."))
        self._update = QPushButton(self.tr("Look for a newer version"))
        self._notes = QPushButton(self.tr("Notes..."))
        self._quantize = QPushButton(self.tr("Quantise..."))
        self._tags = QLineEdit()
        self._tags.setAccessibleName(self.tr("Tags"))
        self._tags.setPlaceholderText(self.tr("Tags, with commas between them"))
        self._rows = FactRows(self._titles(), frozenset({"notes", "versions", "memory"}))
        self.facts = facts
        self._card = CardView()
        self._tabs = QTabWidget()
        self._build()
        self._connect_signals()
        self.show_item(None)

    def show_item(self, item: Item | None) -> None:
        """Another thing is chosen, or what is known of it has changed."""
        other = item is None or self._item is None or item.path != self._item.path
        if other and self._tags.isModified():
            self._on_tags_edited()
        self._item = item
        if other:
            self._card.show_card("")
            self.facts.show_row(None, StackReport(rows=()))
        self._soon.start()
        self._show()

    def show_kept(self, mark: Mark, note: AdapterNote, used: str, versions: Sequence[Item]) -> None:
        """What is kept about the chosen thing; `used`: when it was used last, in words; `versions`: its checkpoints."""
        self._mark, self._note, self._used = mark, note, used
        self._versions = ", ".join(self._version(one) for one in versions)
        if not self._tags.hasFocus() or not self._tags.isModified():
            self._tags.setText(", ".join(mark.tags))
        self._favourite.setChecked(mark.favourite)
        self._rows.show_facts(self._facts())

    @Slot(str, str)
    def show_card(self, path: str, text: str) -> None:
        """A card came; one of another thing comes too late."""
        if self._item is not None and self._item.path == path:
            self._card.show_card(text)

    def _version(self, item: Item) -> str:
        """A checkpoint with its loss, so that several can be compared at a glance."""
        name = item.name.rpartition("/")[2]
        return name if item.loss is None else self.tr("{name} (loss {loss:.3f})").format(name=name, loss=item.loss)

    def _titles(self) -> dict[str, str]:
        return {
            "kind": self.tr("kind"), "form": self.tr("what it is"), "size": self.tr("size"), "bits": self.tr("bits"),
            "base": self.tr("made for"), "licence": self.tr("licence"), "used": self.tr("last used"),
            "memory": self.tr("memory"), "versions": self.tr("versions"),
            "run": self.tr("made by run"),
            "weight": self.tr("starts at"), "trigger": self.tr("trigger"), "notes": self.tr("notes"),
            "place": self.tr("folder"),
        }  # fmt: skip

    def _facts(self) -> dict[str, str]:
        item = self._item
        if item is None:
            return {}
        model = item.kind == "model"
        return {
            "kind": self.tr("model") if model else self.tr("adapter"),
            "form": item.form if model else "",
            "size": size_in_words(item.size) if model and item.size else "",
            "bits": f"{item.bits:g}" if item.bits else "",
            "memory": self._memory(item) if model else "",
            "licence": item.licence if model else "",
            "versions": self._versions,
            "run": item.run,
            "used": self._used,
            "weight": "" if self._note.weight is None else f"{self._note.weight:.2f}",
            "trigger": self._note.trigger,
            "notes": self._note.notes,
            "place": item.path if model else "",
        }

    def _memory(self, item: Item) -> str:
        """Whether its weights fit into the machine's memory, by their size alone."""
        there = psutil.virtual_memory().total
        words = (
            self.tr("fits: the machine has {there}")
            if item.size < there
            else self.tr("larger than the machine's memory of {there}; fewer bits or a card may hold it")
        )
        return words.format(there=size_in_words(there)) if item.size else ""

    def _show(self) -> None:
        item = self._item
        for widget in (self._use, self._favourite, self._folder, self._notes, self._tags):
            widget.setEnabled(item is not None)
        for button in (self._rename, self._move, self._delete):
            button.setEnabled(item is not None and item.own)
            button.setToolTip(
                self.tr("It lies in another folder, which is only read.") if item is not None and not item.own else ""
            )
        self._update.setEnabled(item is not None and item.own and not item.run)
        self._update.setToolTip(self.tr("Asks the hub; what has changed is fetched only when you want that."))
        self._tabs.setEnabled(item is not None)
        model = item is not None and item.kind == "model"
        self._quantize.setVisible(model)
        if item is not None and model:
            large = item.bits is not None and item.bits >= 16 and not item.problem
            self._quantize.setEnabled(large)
            usual = self.tr("Write a copy whose weights take fewer bits.")
            self._quantize.setToolTip(
                usual if large else self.tr("Only a whole model in 16 or 32 bits can be quantised.")
            )
        self._use.setText(self.tr("Choose as base") if model else self.tr("Add to stack"))
        if item is None:
            self._name.say(self.tr("Nothing is chosen."))
            self._problem.say("")
            self._rows.show_facts({})
            self._tags.clear()
            return
        self._use.setEnabled(not item.problem)
        self._name.say(item.name)
        self._problem.say(item.problem, error=True)
        self._rows.show_facts(self._facts())

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(theme.GRID)
        grid.addWidget(self._use, 0, 0, 1, 2)
        pairs = (self._favourite, self._notes, self._folder, self._rename, self._move, self._delete, self._quantize)
        grid.addWidget(self._update, 5, 0, 1, 2)
        for number, button in enumerate(pairs, 2):
            grid.addWidget(button, number // 2, number % 2)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP)
        column.setSpacing(theme.GAP)
        label = QLabel(self.tr("&Tags"))
        label.setBuddy(self._tags)
        for widget in (label, self._tags, self._rows, self.facts):
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Facts"))
        self._tabs.setDocumentMode(True)
        self._tabs.addTab(scroll, self.tr("Facts"))
        self._tabs.addTab(self._card, self.tr("Card"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, 0)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self._name)
        layout.addWidget(self._problem)
        layout.addLayout(grid)
        layout.addWidget(self._tabs, 1)

    def _connect_signals(self) -> None:
        self._use.clicked.connect(self._on_use)
        self._favourite.clicked.connect(self._on_favourite)
        self._folder.clicked.connect(self._on_folder)
        self._notes.clicked.connect(self._on_notes)
        self._rename.clicked.connect(self._on_rename)
        self._move.clicked.connect(self._on_move)
        self._quantize.clicked.connect(self._on_quantize)
        self._delete.clicked.connect(self._on_delete)
        self._update.clicked.connect(self._on_update)
        self._tags.editingFinished.connect(self._on_tags_edited)

    def _on_rested(self) -> None:
        item = self._item
        if item is None:
            return
        self.card_wanted.emit(item.path)
        if item.kind == "adapter":
            row = Lora(id=make_row_id(Path(item.path)), name=item.name, path=item.path)
            self.facts.show_row(row, StackReport(rows=()))

    def _on_use(self) -> None:
        self.use_wanted.emit(self._item)

    def _on_favourite(self, wanted: bool) -> None:
        if self._item is not None:
            self.favourite_edited.emit(self._item.path, wanted)

    def _on_folder(self) -> None:
        if self._item is not None:
            self.folder_wanted.emit(self._item.path)

    def _on_notes(self) -> None:
        self.note_wanted.emit(self._item)

    def _on_rename(self) -> None:
        self.rename_wanted.emit(self._item)

    def _on_move(self) -> None:
        self.move_wanted.emit(self._item)

    def _on_update(self) -> None:
        if self._item is not None:
            self.update_wanted.emit(self._item.path)

    def _on_quantize(self) -> None:
        self.quantize_wanted.emit(self._item)

    def _on_delete(self) -> None:
        self.delete_wanted.emit(self._item)

    def _on_tags_edited(self) -> None:
        tags = parse_tags(self._tags.text())
        self._tags.setModified(False)
        if self._item is not None and tags != self._mark.tags:
            self.tags_edited.emit(self._item.path, tags)
