"""The file an engine process starts with: secures its pipes, lends it our packages, then runs the engine.

It is run by path and by any interpreter, so until the packages are lent it uses the standard library only.
The one argument is a JSON object {"packages": {top-level package: folder}, "only": [module names of desktop]}.
With "run" (the folder of a training run), "role" and "token" it is one of the processes of a detached engine.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import sys
import traceback
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

EXIT_MISSING = 70
"""Exit status when the interpreter lacks something the engine stands on; the last line of the log says what."""


class Lent(MetaPathFinder):
    """Finds the lent packages at the folders given, before anything the interpreter has of the same name.

    Of `desktop` it finds only what the engine needs, so that nothing else of the program can be leant on there.
    """

    def __init__(self, packages: dict[str, str], only: list[str]) -> None:
        """`packages` maps top-level names to folders, or to the file of a module that is no package.

        Of `desktop` only the packages in `only` may be imported.
        """
        self.packages = packages
        self.only = tuple(only)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The spec of a lent top-level package; an error for a part of `desktop` that isn't lent."""
        if fullname.startswith("desktop.") and not (fullname + ".").startswith(tuple(n + "." for n in self.only)):
            raise ModuleNotFoundError(f"{fullname} is not lent to an engine", name=fullname)
        folder = self.packages.get(fullname)
        if folder is None:
            return None
        if os.path.isfile(folder):  # noqa: PTH113
            return importlib.util.spec_from_file_location(fullname, folder)
        init = os.path.join(folder, "__init__.py")  # noqa: PTH118 - the file must start on a bare interpreter, fast
        if os.path.exists(init):  # noqa: PTH110
            return importlib.util.spec_from_file_location(fullname, init, submodule_search_locations=[folder])
        spec = ModuleSpec(fullname, None, is_package=True)
        # A namespace package: the portions that the interpreter has itself must stay in sight.
        own = importlib.machinery.PathFinder.find_spec(fullname)
        spec.submodule_search_locations = [folder, *((own and own.submodule_search_locations) or ())]
        return spec


def secure_pipes() -> tuple[int, int]:
    """Move the pipes out of reach of print(): 0 reads nothing, 1 writes to the log. Returns (from shell, to shell)."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(incoming, os.O_BINARY)
        msvcrt.setmode(outgoing, os.O_BINARY)
    return incoming, outgoing


def main() -> None:
    """Start the engine in this interpreter."""
    lend = json.loads(sys.argv[1])
    incoming, outgoing = (-1, -1) if "run" in lend else secure_pipes()
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    # A script's own folder stands first in sys.path; its modules would be found under wrong names.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]  # noqa: PTH100
    sys.meta_path.insert(0, Lent(lend["packages"], lend["only"]))
    try:
        if "run" in lend:
            from desktop.engine.child.detached import play
        else:
            from desktop.engine.child.main import run
    except Exception as error:
        # ImportError for a package that is missing, SyntaxError for a Python that is too old.
        traceback.print_exc()
        print(f"The interpreter {sys.executable} can't run an engine: {error}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(EXIT_MISSING)
    if "run" in lend:
        play(lend["role"], lend["run"], lend["token"])
    else:
        run(incoming, outgoing)


if __name__ == "__main__":
    main()
