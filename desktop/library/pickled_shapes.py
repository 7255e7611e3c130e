"""The names and shapes in a PyTorch `.bin`, read without torch and without executing anything.

Such a file is a zip with a pickle in it and the numbers beside it (older ones: pickles, one after the other). A pickle
is a program. Here it is not run: its instructions are walked through, and those that would call something are let
pass only for the few names that rebuild a tensor, of which nothing but the shape is kept.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import ITEM_SIZE, TensorHeader

_LIMIT = 64 * 1024 * 1024
"""Largest pickle that is looked into, in bytes; an adapter's has some kilobytes."""
_STORAGES = {
    "torch DoubleStorage": "F64", "torch FloatStorage": "F32", "torch HalfStorage": "F16",
    "torch BFloat16Storage": "BF16", "torch LongStorage": "I64", "torch IntStorage": "I32",
    "torch ShortStorage": "I16", "torch CharStorage": "I8", "torch ByteStorage": "U8", "torch BoolStorage": "BOOL",
}  # fmt: skip
_TENSORS = {"torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2"}
_PARAMETER = "torch._utils _rebuild_parameter"
_DICTIONARY = "collections OrderedDict"
_ALLOWED = {*_STORAGES, *_TENSORS, _PARAMETER, _DICTIONARY}
_LEGACY_PICKLES = 3
"""How many stand before the tensors in a file from before PyTorch 1.6: a magic number, a version, sizes of numbers."""
_MOST_AXES = 64
_MARK = object()


class _Name(msgspec.Struct, frozen=True):
    """Something the pickle would import: "module name"."""

    text: str


class _Storage(msgspec.Struct, frozen=True):
    """Where a tensor's numbers lie."""

    dtype: str
    key: str
    count: int

    @property
    def bytes(self) -> int:
        return self.count * ITEM_SIZE[self.dtype]


class _Tensor(msgspec.Struct, frozen=True):
    storage: _Storage
    shape: tuple[int, ...]


def read_pickled_header(path: Path) -> tuple[TensorHeader, ...]:
    """The tensors a `.bin` says it holds. Raises LoaderError if it is damaged or holds anything but tensors."""
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                return _from_archive(path, file)
            file.seek(0)
            return _from_pickles(path, BytesIO(file.read(_LIMIT)))
    except OSError as error:
        raise LoaderError(f"{path} can't be read ({error.strerror}).") from error
    # What the walk meets in a damaged pickle: a stack that is empty, a value of another kind, a text that is none.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, EOFError, RuntimeError) as error:
        raise _damaged(path) from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path) from error


def _from_archive(path: Path, file: BinaryIO) -> tuple[TensorHeader, ...]:
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry.file_size for entry in archive.infolist()}
        name = next((name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")), None)
        if name is None or entries[name] > _LIMIT:
            raise _damaged(path)
        tensors = _walk(path, BytesIO(archive.read(name)))
    for tensor in tensors.values():
        if entries.get(f"{name.removesuffix('data.pkl')}data/{tensor.storage.key}", 0) < tensor.storage.bytes:
            raise _damaged(path)
    return _headers(tensors)


def _from_pickles(path: Path, file: BinaryIO) -> tuple[TensorHeader, ...]:
    import pickletools

    for _ in range(_LEGACY_PICKLES):
        for _ in pickletools.genops(file):
            pass
    tensors = _walk(path, file)
    storages = {tensor.storage.key: tensor.storage.bytes for tensor in tensors.values()}
    if path.stat().st_size < sum(storages.values()):
        raise _damaged(path)
    return _headers(tensors)


def _headers(tensors: dict[str, _Tensor]) -> tuple[TensorHeader, ...]:
    return tuple(
        TensorHeader(name, one.storage.dtype, one.shape, prod(one.shape) * ITEM_SIZE[one.storage.dtype])
        for name, one in tensors.items()
    )


def _damaged(path: Path) -> LoaderError:
    return LoaderError(f"{path} is no whole PyTorch file: it can't be read. Download it again.")


def _walk(path: Path, file: BinaryIO) -> dict[str, _Tensor]:
    """The tensors by name that one pickle comes to."""
    import pickletools

    machine = _Machine(path)
    for opcode, argument, _ in pickletools.genops(file):
        machine.take(opcode.name, argument)
    found = machine.stack.pop()
    if not isinstance(found, dict) or not all(isinstance(one, _Tensor) for one in found.values()):
        raise LoaderError(f"{path} holds something else than tensors. Don't use this adapter.")
    return found


class _Machine:
    """The stack of values a pickle's instructions work on. The values are plain: nothing of them is an object."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._acts: dict[str, Callable[[], None]] = {
            "EMPTY_DICT": lambda: self.stack.append({}),
            "EMPTY_LIST": lambda: self.stack.append([]),
            "EMPTY_TUPLE": lambda: self.stack.append(()),
            "NONE": lambda: self.stack.append(None),
            "NEWTRUE": lambda: self.stack.append(True),
            "NEWFALSE": lambda: self.stack.append(False),
            "MARK": lambda: self.stack.append(_MARK),
            "MEMOIZE": lambda: self._memo.update({len(self._memo): self.stack[-1]}),
            "TUPLE": lambda: self.stack.append(tuple(self._to_mark())),
            "TUPLE1": lambda: self.stack.append(tuple(self._last(1))),
            "TUPLE2": lambda: self.stack.append(tuple(self._last(2))),
            "TUPLE3": lambda: self.stack.append(tuple(self._last(3))),
            "LIST": lambda: self.stack.append(self._to_mark()),
            "DICT": lambda: self.stack.append(_pairs(self._to_mark())),
            "APPEND": lambda: self._append(self._last(1)),
            "APPENDS": lambda: self._append(self._to_mark()),
            "SETITEM": lambda: self._set(self._last(2)),
            "SETITEMS": lambda: self._set(self._to_mark()),
            "STACK_GLOBAL": lambda: self._name(" ".join(self._last(2))),
            "REDUCE": lambda: self.stack.append(self._rebuilt(*self._last(2))),
            "BINPERSID": lambda: self.stack.append(_storage(self.stack.pop())),
            "BUILD": self._drop_attributes,
        }

    def take(self, opcode: str, argument: Any) -> None:
        """One instruction."""
        if opcode in {"PROTO", "FRAME", "STOP"}:
            return
        if opcode in {"PUT", "BINPUT", "LONG_BINPUT"}:
            self._memo[argument] = self.stack[-1]
        elif opcode in {"GET", "BINGET", "LONG_BINGET"}:
            self.stack.append(self._memo[argument])
        elif opcode == "GLOBAL":
            self._name(argument)
        elif opcode in self._acts:
            self._acts[opcode]()
        elif "INT" in opcode or "LONG" in opcode or "UNICODE" in opcode or "FLOAT" in opcode:
            self.stack.append(argument)
        else:
            raise self._refused(opcode)

    def _name(self, text: str) -> None:
        if text not in _ALLOWED:
            raise self._refused(text.replace(" ", "."))
        self.stack.append(_Name(text))

    def _refused(self, what: str) -> LoaderError:
        return LoaderError(
            f"{self._path} holds more than tensors ({what}), which could run code; it was not opened. "
            "Get the adapter as .safetensors."
        )

    def _rebuilt(self, name: _Name, arguments: tuple[Any, ...]) -> Any:
        if name.text == _DICTIONARY and arguments == ():
            return {}
        if name.text == _PARAMETER and isinstance(arguments[0], _Tensor):
            return arguments[0]
        if name.text not in _TENSORS:
            raise self._refused(name.text.replace(" ", "."))
        storage, offset, shape = arguments[:3]
        if not isinstance(storage, _Storage) or not _are_sizes([offset, *shape]) or len(shape) > _MOST_AXES:
            raise ValueError("a tensor that makes no sense")
        if offset + prod(shape) > storage.count:
            raise ValueError("a tensor larger than its storage")
        return _Tensor(storage, shape)

    def _drop_attributes(self) -> None:
        # A state dict carries the versions of its modules as an attribute, which says nothing about shapes.
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise self._refused("BUILD")

    def _append(self, items: list[Any]) -> None:
        self.stack[-1].extend(items)

    def _set(self, items: list[Any]) -> None:
        self.stack[-1].update(_pairs(items))

    def _last(self, count: int) -> list[Any]:
        taken = self.stack[-count:]
        if len(taken) < count or any(value is _MARK for value in taken):
            raise ValueError("the stack is empty")
        del self.stack[-count:]
        return taken

    def _to_mark(self) -> list[Any]:
        taken = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]


def _pairs(items: list[Any]) -> dict[str, Any]:
    # Before anything is hashed: a tuple of tuples of the same tuple takes for ever.
    if not all(isinstance(name, str) for name in items[::2]):
        raise ValueError("a key that is no name")
    return dict(zip(items[::2], items[1::2], strict=True))


def _storage(persistent: Any) -> _Storage:
    """From ("storage", its type, its key, its device, how many numbers it holds)."""
    _, kind, key, _, count = persistent[:5]
    if not isinstance(key, str) or not _are_sizes([count]):
        raise ValueError("a storage that makes no sense")
    return _Storage(_STORAGES[kind.text], key, count)


def _are_sizes(values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value < 2**63 for value in values)
