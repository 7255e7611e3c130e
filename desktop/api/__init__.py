"""The public contract between LoRA Deck and its loader plugins. Needs msgspec and pluggy, nothing else."""

from __future__ import annotations

import pluggy

from .adapters import AttachReceipt, Lora
from .errors import LoaderError, Unsupported
from .generating import (
    Chunk,
    GenerateRequest,
    Logits,
    LogitsRequest,
    Message,
    Reply,
    Sampling,
    StepLogprobs,
    TokenLogprob,
)
from .hookspecs import PROJECT
from .loaders import Capabilities, Conversion, LoaderInfo, Verdict
from .loading import LoadRequest, ModelInfo, Progress
from .model import Model
from .quantising import LayerError, QuantizeReport, QuantizeRequest
from .settings import read_settings, settings_schema
from .stacking import ExportReport, ExportRequest, Mode, StackCheck
from .training import (
    CheckpointSaved,
    Evaluated,
    EvaluateRequest,
    Evaluation,
    Part,
    RowTokens,
    Sampled,
    SaveNow,
    StepDone,
    StopAndKeep,
    StopAtLoss,
    TrainCommand,
    TrainEvent,
    TrainingRow,
    TrainNote,
    TrainPlan,
    TrainReport,
    TrainRequest,
    TrainSettings,
    TrainStarted,
)

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""

ENTRY_POINT_GROUP = "lora_deck.loaders"
"""The entry-point group a loader plugin registers under."""

__all__ = [
    "ENTRY_POINT_GROUP",
    "AttachReceipt",
    "Capabilities",
    "CheckpointSaved",
    "Chunk",
    "Conversion",
    "EvaluateRequest",
    "Evaluated",
    "Evaluation",
    "ExportReport",
    "ExportRequest",
    "GenerateRequest",
    "LayerError",
    "LoadRequest",
    "LoaderError",
    "LoaderInfo",
    "Logits",
    "LogitsRequest",
    "Lora",
    "Message",
    "Mode",
    "Model",
    "ModelInfo",
    "Part",
    "Progress",
    "QuantizeReport",
    "QuantizeRequest",
    "Reply",
    "RowTokens",
    "Sampled",
    "Sampling",
    "SaveNow",
    "StackCheck",
    "StepDone",
    "StepLogprobs",
    "StopAndKeep",
    "StopAtLoss",
    "TokenLogprob",
    "TrainCommand",
    "TrainEvent",
    "TrainNote",
    "TrainPlan",
    "TrainReport",
    "TrainRequest",
    "TrainSettings",
    "TrainStarted",
    "TrainingRow",
    "Unsupported",
    "Verdict",
    "hookimpl",
    "read_settings",
    "settings_schema",
]
