"""What is on this machine: the filters, the table, and a line about how much is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.library.adapter_notes import AdapterNote
from desktop.library.fit import Fit
from desktop.library.shelf.duplicates import DiskUse
from desktop.library.shelf.items import Item
from desktop.library.shelf.marks import Mark
from desktop.library.sizes import size_in_words

from . import theme
from .icons import Icons
from .library_table import COLUMNS, LibraryTable
from .library_view import LibraryView
from .tick_box import TickBox


class LibraryList(QWidget):
    """Stays quick with thousands of things."""

    #: Whether these adapters fit the base is wanted: a tuple of paths.
    fits_wanted = Signal(object)
    #: Look for what is there twice.
    duplicates_wanted = Signal()
    #: Delete for good what is in the trash.
    empty_wanted = Signal()
    #: Find out what the home folder takes.
    measure_wanted = Signal()
    #: Read the folders again.
    listing_wanted = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._base = ""
        self._listed = False
        self.table = LibraryTable(self)
        self.view = LibraryView(self.table)
        self._find = QLineEdit()
        self._find.setPlaceholderText(self.tr("Find by name, kind, base, licence, tag or note"))
        self._find.setClearButtonEnabled(True)
        self._find.setAccessibleName(self.tr("Find in the library"))
        self._kind = QComboBox()
        self._kind.setAccessibleName(self.tr("What to show"))
        for name, title in (("", self.tr("All")), ("model", self.tr("Models")), ("adapter", self.tr("Adapters"))):
            self._kind.addItem(title, name)
        self._favourites = TickBox(self.tr("&Favourites"))
        self._grouped = TickBox(self.tr("&Group by base"))
        self._more = self._make_more(icons)
        self._count = QLabel()
        self._count.setTextFormat(Qt.TextFormat.PlainText)
        self._disk = theme.Elided()
        self._empty = theme.Note(parent=self)
        self._focus = QAction(self.tr("Find in the library"), self)
        self._focus.setShortcut(QKeySequence("Ctrl+F"))
        self._focus.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        self.addAction(self._focus)
        self._build()
        self._connect_signals()
        self.view.show_base(False)

    @Slot(list)
    def show_items(self, items: Sequence[Item]) -> None:
        """The library was listed."""
        self._listed = True
        self.table.show_items(items)
        self._after()
        self._ask_for_fits()

    @Slot(object)
    def show_marks(self, marks: Mapping[str, Mark]) -> None:
        """Tags, favourites and last uses came."""
        self.table.show_marks(marks)
        self._after()

    @Slot(object)
    def show_notes(self, notes: Mapping[str, AdapterNote]) -> None:
        """Notes and preferred weights came."""
        self.table.show_notes(notes)
        self._after()

    def show_base(self, path: str) -> None:
        """The base that is loaded, by its path; empty without one."""
        if path != self._base:
            self._base = path
            self.table.forget_fits()
            self.view.show_base(bool(path))
            self._ask_for_fits()

    @Slot(str, object)
    def show_fits(self, base: str, fits: Mapping[str, Fit]) -> None:
        """Verdicts about some of the adapters came."""
        if base == self._base:
            self.table.show_fits(fits)

    @Slot(object)
    def show_disk(self, use: DiskUse) -> None:
        """What the home folder takes came."""
        parts = [
            self.tr("models {size}").format(size=size_in_words(use.models)),
            self.tr("adapters {size}").format(size=size_in_words(use.adapters)),
            self.tr("trainings {size}").format(size=size_in_words(use.runs)),
            self.tr("trash {size}").format(size=size_in_words(use.trash)),
            self.tr("{size} free").format(size=size_in_words(use.free)),
        ]
        self._disk.say(" · ".join(parts))
        self._empty_action.setEnabled(use.trash > 0)

    def look_for(self, words: str) -> None:
        """Show what holds these words."""
        self._find.setText(words)

    def _make_more(self, icons: Icons) -> QToolButton:
        button = QToolButton()
        button.setText(self.tr("More"))
        button.setToolTip(self.tr("Duplicates, the trash, reading the folders again"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        self._again_action = menu.addAction(self.tr("&Read the folders again"))
        self._duplicates_action = menu.addAction(self.tr("Find &duplicates"))
        self._empty_action = menu.addAction(self.tr("&Empty the trash..."))
        button.setMenu(menu)
        icons.put(button, "mdi6.dots-horizontal")
        return button

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._find, 1)
        for widget in (self._kind, self._favourites, self._grouped, self._more):
            row.addWidget(widget)
        below = QHBoxLayout()
        below.setSpacing(theme.MARGIN)
        below.addWidget(self._count)
        below.addWidget(self._disk, 1)
        self._disk.setAlignment(Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.GAP, 0, 0)
        layout.setSpacing(theme.GAP)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._empty)
        # Takes the table's place while that has nothing to show.
        layout.addStretch(0)
        layout.addLayout(below)

    def _connect_signals(self) -> None:
        self._find.textChanged.connect(self._on_find_changed)
        self._find.returnPressed.connect(self.view.setFocus)
        self._kind.currentIndexChanged.connect(self._on_kind_changed)
        self._favourites.toggled.connect(self._on_favourites_toggled)
        self._grouped.toggled.connect(self._on_grouped_toggled)
        self._focus.triggered.connect(self._on_focus)
        self._again_action.triggered.connect(self.listing_wanted)
        self._duplicates_action.triggered.connect(self.duplicates_wanted)
        self._empty_action.triggered.connect(self.empty_wanted)

    def _ask_for_fits(self) -> None:
        if self._base and (paths := self.table.unjudged()):
            self.fits_wanted.emit(paths)

    def _after(self) -> None:
        """What is shown has changed."""
        shown, there = self.table.count(), len(self.table.rows.items)
        of = self.tr("{shown:,} of {there:,}") if shown != there else self.tr("{there:,} in the library")
        self._count.setText(of.format(shown=shown, there=there) if there else "")
        why = self._why_empty(shown, there)
        self._empty.say(why)
        self.view.setVisible(not why)

    def _why_empty(self, shown: int, there: int) -> str:
        if shown or not self._listed:
            return ""
        if there:
            return self.tr("Nothing in the library is like that. Use fewer words, or show all kinds.")
        return self.tr(
            "The library is empty. Type the name of a model or an adapter of the Hugging Face hub above and press "
            "Download, look on the hub, or drop a folder on the window."
        )

    def _on_find_changed(self, words: str) -> None:
        self.table.wish(words=words)
        self._after()

    def _on_kind_changed(self) -> None:
        kind = self._kind.currentData()
        self.table.wish(kind=kind)
        self.view.setColumnHidden(COLUMNS.index("bits"), kind == "adapter")
        for name in ("base", "weight"):
            self.view.setColumnHidden(COLUMNS.index(name), kind == "model")
        self._after()

    def _on_favourites_toggled(self, wanted: bool) -> None:
        self.table.wish(favourites=wanted)
        self._after()

    def _on_grouped_toggled(self, wanted: bool) -> None:
        self.table.wish(grouped=wanted)
        self._after()

    def _on_focus(self) -> None:
        self._find.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._find.selectAll()
