"""Asks how a model is to be quantised, and tells before what the copy takes: its size, the time, the disk."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.library.quantising import time_in_words
from desktop.library.recipes import RecipeError, checked_name
from desktop.library.sizes import size_in_words
from desktop.session.quantize_plans import QuantizeLook, QuantizePlan

from . import theme
from .fact_rows import Wrapped
from .quantize_form import QuantizeForm


class QuantizeDialog(QDialog):
    """Not modal. What can't be done is said before anything is read."""

    #: Begin: QuantizePlan.
    quantize_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        """About nothing yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Quantise"))
        self.setMinimumWidth(520)
        self._path = self._model = ""
        self._look: QuantizeLook | None = None
        self._busy = False
        self._title = Wrapped(self)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._about = theme.Note(
            self.tr(
                "Writes a GPTQ copy whose weights take fewer bits. The original stays as it is, and you can go on "
                "prompting meanwhile."
            ),
            self,
        )
        self.form = QuantizeForm(self)
        self._name = QLineEdit()
        self._name.setAccessibleName(self.tr("Name of the copy"))
        label = QLabel(self.tr("&Name of the copy"))
        label.setBuddy(self._name)
        self._estimate = theme.Note(parent=self)
        self._problem = theme.Note(parent=self)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Cancel)
        self._begin = self._buttons.addButton(self.tr("Quantise"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._begin.setDefault(True)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (self._title, self._about, self.form, label, self._name, self._estimate, self._problem):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._buttons)
        self.form.edited.connect(self._on_edited)
        self._name.textChanged.connect(self._judge)
        self._buttons.accepted.connect(self._on_accepted)
        self._buttons.rejected.connect(self.reject)

    def ask(self, path: str, name: str) -> None:
        """Open for the model at a path; what it takes is still looked for."""
        self._path, self._model, self._look = path, name, None
        self._title.say(name)
        self._name.setModified(False)
        self._on_edited()
        self.show()
        self.raise_()
        self.activateWindow()
        theme.fit_height(self)
        self.form.setFocus()

    @Slot(object)
    def take(self, look: QuantizeLook) -> None:
        """What is known of the model was found."""
        if look.path == self._path:
            self._look = look
            self._on_edited()
            theme.fit_height(self)

    def show_busy(self, busy: bool) -> None:
        """Another model is being quantised, or none any more."""
        self._busy = busy
        self._judge()

    @Slot()
    def _on_edited(self) -> None:
        if not self._name.isModified():
            self._name.setText(self._usual_name())
            self._name.setModified(False)
        self._judge()

    def _usual_name(self) -> str:
        """As `lora-deck quantize` names it; with a number where that is taken."""
        wish = self.form.request("")
        path = Path(self._path)
        stem = path.stem if path.suffix.lower() in {".safetensors", ".bin"} else path.name
        group = f"{wish.group_size}g" if wish.group_size > 0 else "one-group"
        usual = f"{stem}-gptq-{wish.bits}bit-{group}"
        taken = self._look.taken if self._look is not None else ()
        names = (usual, *(f"{usual}-{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    @Slot()
    def _judge(self) -> None:
        look = self._look
        problem = self._name_problem() or self._text_problem()
        if look is None:
            self._estimate.say(self.tr("Looking at the model"))
        elif look.facts.refusal:
            self._estimate.say("")
            problem = look.facts.refusal
        else:
            problem = self._tell(look) or problem
        if self._busy:
            problem = problem or self.tr("Another model is being quantised. Wait until that has ended, or cancel it.")
        self._problem.say(problem, error=True)
        self._begin.setEnabled(look is not None and not problem)
        # Qt makes another button the default one while this one can't be pressed.
        self._begin.setDefault(True)
        theme.fit_height(self, shrink=False)

    def _tell(self, look: QuantizeLook) -> str:
        """Say what it takes; why there is no room for it, empty where there is."""
        wish = self.form.request("")
        size = look.facts.bytes_after(wish.bits, wish.group_size)
        words = self.tr(
            "{before} become {after}. It takes {time} on this machine's processor, roughly; the time left is told as "
            "it goes."
        )
        told = words.format(
            before=size_in_words(look.facts.bytes_before),
            after=size_in_words(size),
            time=time_in_words(look.facts.seconds(wish)),
        )
        if odd := look.facts.odd_inputs(wish.group_size):
            short = self.tr(
                "Groups of {size} don't divide {inputs} inputs: the last one is smaller, which some GPU kernels refuse."
            )
            told += " " + short.format(size=wish.group_size, inputs=", ".join(map(str, odd)))
        self._estimate.say(told)
        if look.free and size > look.free:
            full = self.tr("The disk has {free} free, which is too little. Free some space.")
            return full.format(free=size_in_words(look.free))
        return ""

    def _name_problem(self) -> str:
        try:
            name = checked_name(self._name.text(), of="model")
        except RecipeError as error:
            return str(error)
        if self._look is not None and name in self._look.taken:
            return self.tr("{name} exists already. Choose another name.").format(name=name)
        return ""

    def _text_problem(self) -> str:
        """A text that is not there is said here, not after the model was loaded."""
        text = self.form.request("").calibration
        if text and not Path(text).is_file():
            return self.tr("There is no file {path}. Choose the calibration text again.").format(path=text)
        return ""

    @Slot()
    def _on_accepted(self) -> None:
        if self._look is not None and self._begin.isEnabled():
            folder = Path(self._look.folder) / checked_name(self._name.text(), of="model")
            request = self.form.request(str(folder))
            self.quantize_wanted.emit(QuantizePlan(name=self._model, path=self._path, request=request))
            self.accept()
