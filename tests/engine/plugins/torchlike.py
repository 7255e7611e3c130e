"""A puppet whose backend is a torch that only counts its threads."""

import json
import sys
import threading
import types

import puppet
from puppet import apply_lora, remove_lora  # noqa: F401 - hooks

from desktop.api import LoaderInfo, hookimpl

CALLS = []
THREADS = 8


def _set_num_threads(number):
    CALLS.append([number, threading.current_thread() is threading.main_thread()])


@hookimpl
def describe():
    return LoaderInfo(title="Torchlike", warm=("slow_to_import",))


@hookimpl
def load(request, progress):
    torch = types.ModuleType("torch")
    torch.get_num_threads = lambda: THREADS
    torch.set_num_threads = _set_num_threads
    sys.modules["torch"] = torch
    model = puppet.load(request, progress)
    model.render = lambda messages: json.dumps(CALLS)
    return model
