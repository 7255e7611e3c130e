"""The middle of the window while it is about the library: the box to download with, what is here, what the hub has."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QTabWidget, QVBoxLayout, QWidget

from . import theme
from .downloads_panel import DownloadsPanel
from .hub_panel import HubPanel
from .icons import Icons
from .library_list import LibraryList
from .notice_bar import NoticeBar


class LibraryPlace(QWidget):
    """Holds the parts; each is about one thing."""

    #: Download this: what was typed.
    download_wanted = Signal(str)
    #: Whether what is on this machine is shown, and not the hub.
    here_shown = Signal(bool)

    def __init__(
        self,
        icons: Icons,
        shown: LibraryList,
        hub: HubPanel,
        downloads: DownloadsPanel,
        parent: QWidget | None = None,
    ) -> None:
        """Puts the parts together."""
        super().__init__(parent)
        self.notice = NoticeBar(self.tr("What was done or refused"))
        self.list, self.hub, self.downloads = shown, hub, downloads
        self._source = QLineEdit()
        self._source.setPlaceholderText(self.tr("user/name, user/name:branch or an address of the Hugging Face hub"))
        self._source.setClearButtonEnabled(True)
        self._source.setAccessibleName(self.tr("What to download"))
        self._download = QPushButton(self.tr("Download"))
        self._download.setToolTip(self.tr("Every file is verified before it appears in the library."))
        icons.put(self._download, "mdi6.download")
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.addTab(self.list, self.tr("On this machine"))
        self._tabs.addTab(self.hub, self.tr("On the hub"))
        self._build()
        self._tabs.currentChanged.connect(self._on_tab_changed)
        self._source.textChanged.connect(self._on_source_changed)
        self._source.returnPressed.connect(self._on_download)
        self._download.clicked.connect(self._on_download)
        self._on_source_changed("")

    def show_here(self, path: str) -> None:
        """Show what lies at a path in the list, whatever filter hides it."""
        self._tabs.setCurrentWidget(self.list)
        self.list.look_for("")
        self.list.view.choose(path)
        self.list.view.setFocus()

    def show_hub(self) -> None:
        """Go to the search of the hub."""
        self._tabs.setCurrentWidget(self.hub)

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._source, 1)
        row.addWidget(self._download)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        layout.setSpacing(theme.GAP)
        layout.addLayout(row)
        layout.addWidget(self.notice)
        layout.addWidget(self._tabs, 1)
        layout.addWidget(self.downloads)

    def _on_tab_changed(self) -> None:
        self.here_shown.emit(self._tabs.currentWidget() is self.list)

    def _on_source_changed(self, text: str) -> None:
        self._download.setEnabled(bool(text.strip()))

    def _on_download(self) -> None:
        if text := self._source.text().strip():
            self.download_wanted.emit(text)
            self._source.clear()
