"""The Train place: the form at the left; data, run, samples, runs and evaluation at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from . import theme
from .banner import Banner
from .icons import Icons
from .thin_splitter import ThinSplitter
from .train_data_page import TrainDataPage
from .train_evaluation_page import TrainEvaluationPage
from .train_form import TrainForm
from .train_run_page import TrainRunPage
from .train_runs_page import TrainRunsPage
from .train_samples import TrainSamples


class TrainPlace(QWidget):
    """Holds the parts; `desktop.ui.train_desk` connects them."""

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Nothing is known yet."""
        super().__init__(parent)
        self.banner = Banner(icons)
        self.form = TrainForm(icons)
        self.data = TrainDataPage()
        self.run = TrainRunPage(icons)
        self.samples = TrainSamples()
        self.runs = TrainRunsPage(icons)
        self.evaluation = TrainEvaluationPage(icons)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName(self.tr("Parts of the training"))
        self.tabs.tabBar().setAccessibleName(self.tr("Parts of the training"))
        self.tabs.addTab(self.data, self.tr("Data"))
        self.tabs.addTab(self.run, self.tr("Run"))
        self.tabs.addTab(self.samples, self.tr("Samples"))
        self.tabs.addTab(self.runs, self.tr("Runs"))
        self.tabs.addTab(self.evaluation, self.tr("Evaluation"))
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.banner)
        column.addWidget(self.tabs, 1)
        split = ThinSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.form)
        split.addWidget(right)
        split.setStretchFactor(1, 1)
        split.setSizes([340, 620])
        self.form.setMinimumWidth(280)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)
