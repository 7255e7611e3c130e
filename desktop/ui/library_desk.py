"""The library in the window: wires its place, its details and its dialogs to the session. Made when it is visited."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox

from desktop.api import Lora
from desktop.library.names import make_row_id
from desktop.library.shelf.items import Item
from desktop.library.shelf.trash import Trashed
from desktop.library.sizes import size_in_words
from desktop.session.plans import Loaded
from desktop.session.session import Session
from desktop.session.shelf_plans import ShelfLook

from .library_parts import LibraryParts


class LibraryDesk(QObject):
    """Stands between the library's widgets and the session."""

    #: Put this adapter on the stack: path, name.
    adapter_chosen = Signal(str, str)
    #: Choose this model as the base: path, name.
    model_chosen = Signal(str, str)
    #: Make a quantised copy of this model: path, name.
    quantize_wanted = Signal(str, str)
    #: Something is being done or was done: a sentence.
    told = Signal(str)

    def __init__(self, window: QMainWindow, session: Session, parts: LibraryParts) -> None:
        """Reads the library as soon as the window shows."""
        super().__init__(window)
        self._window, self._session, self._keepers = window, session, session.library
        self._trashed: Trashed | None = None
        parts.make_all()
        self.place, self.details = parts.place, parts.details
        self.question, self.names = parts.question, parts.names
        self.duplicates, self.notes = parts.duplicates, parts.notes
        self._connect_list()
        self._connect_details()
        self._connect_changes()
        self._connect_downloads()
        self._connect_hub()
        self._begin()

    def _begin(self) -> None:
        session = self._session
        if session.loaded is not None:
            self._on_model_loaded(session.loaded)
        self._keepers.shelf.open_shelf()
        self._keepers.downloads.tell_all()
        self._keepers.changer.measure()
        if self._window.isVisible():
            session.read_notes()
            session.list_library()

    def _connect_list(self) -> None:
        session, shown = self._session, self.place.list
        self._keepers.shelf.items_listed.connect(shown.show_items)
        self._keepers.shelf.items_listed.connect(self._show_kept)
        self._keepers.shelf.marks_known.connect(shown.show_marks)
        self._keepers.shelf.marks_known.connect(self._show_kept)
        session.notes_known.connect(shown.show_notes)
        session.notes_known.connect(self._show_kept)
        session.fits_judged.connect(shown.show_fits)
        self._keepers.changer.disk_measured.connect(shown.show_disk)
        session.model_loaded.connect(self._on_model_loaded)
        session.model_unloaded.connect(self._on_model_unloaded)
        shown.fits_wanted.connect(session.judge_fits)
        shown.duplicates_wanted.connect(self._keepers.changer.find_duplicates)
        shown.empty_wanted.connect(self._on_empty_wanted)
        shown.listing_wanted.connect(session.list_library)
        shown.view.chosen_changed.connect(self._on_chosen)
        shown.view.wanted.connect(self._on_wanted)
        shown.view.delete_wanted.connect(self._on_delete_wanted)
        shown.view.rename_wanted.connect(self._on_rename_wanted)

    def _connect_details(self) -> None:
        session, details = self._session, self.details
        details.use_wanted.connect(self._on_wanted)
        details.folder_wanted.connect(self._on_folder_wanted)
        details.rename_wanted.connect(self._on_rename_wanted)
        details.move_wanted.connect(self._on_move_wanted)
        details.delete_wanted.connect(self._on_delete_wanted)
        details.note_wanted.connect(self._on_note_wanted)
        details.quantize_wanted.connect(self._on_quantize_wanted)
        details.tags_edited.connect(self._keepers.shelf.keep_tags)
        details.favourite_edited.connect(self._keepers.shelf.keep_favourite)
        details.update_wanted.connect(self._keepers.downloads.look_again)
        details.card_wanted.connect(self._keepers.shelf.read_card)
        self._keepers.shelf.card_read.connect(details.show_card)
        details.facts.inspection_wanted.connect(session.inspect_adapter)
        details.facts.inspection_wanted.connect(session.judge_fit)
        session.adapter_inspected.connect(details.facts.show_inspection)
        session.fit_judged.connect(details.facts.show_fit)
        session.adapters_listed.connect(details.facts.know)
        self.notes.note_edited.connect(session.keep_note)

    def _connect_changes(self) -> None:
        changer = self._keepers.changer
        self.question.confirmed.connect(changer.delete)
        self.names.name_chosen.connect(changer.rename)
        self.duplicates.show_wanted.connect(self.place.show_here)
        self.place.notice.acted.connect(self._on_undo)
        changer.looked.connect(self._on_looked)
        changer.relocated.connect(self._on_relocated)
        changer.deleted.connect(self._on_deleted)
        changer.restored.connect(self.place.show_here)
        changer.duplicates_found.connect(self.duplicates.show_duplicates)
        changer.told.connect(self.told)
        changer.folders_changed.connect(changer.measure)
        changer.refused.connect(self._on_refused)
        self._keepers.shelf.refused.connect(self._on_refused)

    def _connect_downloads(self) -> None:
        downloads, panel = self._keepers.downloads, self.place.downloads
        self.place.download_wanted.connect(downloads.add)
        self.place.hub.download_wanted.connect(downloads.add)
        panel.base_wanted.connect(downloads.add)
        panel.pause_wanted.connect(downloads.pause)
        panel.resume_wanted.connect(downloads.resume)
        panel.cancel_wanted.connect(downloads.cancel)
        panel.show_wanted.connect(self.place.show_here)
        downloads.entry_changed.connect(panel.take)
        downloads.entry_gone.connect(panel.drop)
        downloads.base_found.connect(panel.offer_base)
        downloads.completed.connect(self._keepers.changer.measure)
        downloads.refused.connect(self._on_refused)

    def _connect_hub(self) -> None:
        hub, panel = self._keepers.hub, self.place.hub
        panel.search_wanted.connect(hub.search)
        panel.stop_wanted.connect(hub.stop)
        hub.hits_found.connect(panel.show_hits)
        hub.failed.connect(panel.show_failure)
        hub.told.connect(panel.show_wait)

    @Slot(object)
    def _on_model_loaded(self, loaded: Loaded) -> None:
        self.place.list.show_base(loaded.info.path)
        self.place.hub.show_base(loaded.plan.name)
        self.details.facts.show_loaded(loaded)

    @Slot()
    def _on_model_unloaded(self) -> None:
        self.place.list.show_base("")
        self.place.hub.show_base("")
        self.details.facts.show_loaded(None)

    @Slot(object)
    def _on_chosen(self, item: Item | None) -> None:
        self.details.show_item(item)
        self._show_kept()

    @Slot()
    def _show_kept(self) -> None:
        """What is kept about the chosen thing may have changed."""
        item, table = self.place.list.view.chosen(), self.place.list.table
        if item is not None:
            mark = table.rows.mark(item)
            note, versions = table.rows.note(item), table.rows.versions(item)
            self.details.show_kept(mark, note, table.when(mark.used), versions)

    @Slot(object)
    def _on_wanted(self, item: Item) -> None:
        if item.problem:
            self.place.notice.show_notice(f"{item.name}: {item.problem}", error=True)
        elif item.kind == "adapter":
            self.adapter_chosen.emit(item.path, item.name)
            self.told.emit(self.tr("{name} is on the stack.").format(name=item.name))
        else:
            self.model_chosen.emit(item.path, item.name)
            self.told.emit(self.tr("{name} is chosen as the base; Load loads it.").format(name=item.name))

    @Slot(str)
    def _on_folder_wanted(self, path: str) -> None:
        place = Path(path)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(place if place.is_dir() else place.parent)))

    @Slot(object)
    def _on_rename_wanted(self, item: Item) -> None:
        if self._is_own(item):
            self.names.ask(item)
            self._keepers.changer.look_at(item.path)

    @Slot(object)
    def _on_move_wanted(self, item: Item) -> None:
        title = self.tr("Choose the folder that {name} is moved into").format(name=item.name)
        if folder := QFileDialog.getExistingDirectory(self._window, title):
            self._keepers.changer.move(item.path, folder)

    @Slot(object)
    def _on_delete_wanted(self, item: Item) -> None:
        if self._is_own(item):
            self.question.ask(item.path, item.name)
            self._keepers.changer.look_at(item.path)

    @Slot(object)
    def _on_quantize_wanted(self, item: Item) -> None:
        self.quantize_wanted.emit(item.path, item.name)

    @Slot(object)
    def _on_note_wanted(self, item: Item) -> None:
        row = Lora(id=make_row_id(Path(item.path)), name=item.name, path=item.path)
        self.notes.open_for(row, self.place.list.table.rows.note(item))

    def _is_own(self, item: Item) -> bool:
        if not item.own:
            words = self.tr("{name} lies in another folder, which is only read. Use the system's file manager.")
            self.place.notice.show_notice(words.format(name=item.name), error=True)
        return item.own

    @Slot(object)
    def _on_looked(self, look: ShelfLook) -> None:
        self.question.take(look)
        self.names.take(look)

    @Slot(str, str)
    def _on_relocated(self, _: str, now: str) -> None:
        self.place.list.view.choose(now)
        self._session.read_notes()
        self._keepers.shelf.open_shelf()

    @Slot(object)
    def _on_deleted(self, trashed: Trashed) -> None:
        self._trashed = trashed
        words = self.tr("{name} is in the trash: {size}.")
        sentence = words.format(name=trashed.name, size=size_in_words(trashed.size))
        self.place.notice.show_notice(sentence, self.tr("Undo"))

    @Slot()
    def _on_undo(self) -> None:
        if self._trashed is not None:
            self._keepers.changer.restore(self._trashed)
            self._trashed = None

    @Slot(str)
    def _on_refused(self, sentence: str) -> None:
        self.place.notice.show_notice(sentence, error=True)

    @Slot()
    def _on_empty_wanted(self) -> None:
        # The one thing here that can't be undone.
        title, words = self.tr("Empty the trash"), self.tr("What is in the trash is deleted for good.")
        buttons = QMessageBox.StandardButton.Cancel | QMessageBox.StandardButton.Yes
        answer = QMessageBox.question(self._window, title, words, buttons, QMessageBox.StandardButton.Cancel)
        if answer == QMessageBox.StandardButton.Yes:
            self._trashed = None
            self.place.notice.hide()
            self._keepers.changer.empty_trash()
