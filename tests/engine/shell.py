"""Stands for the program in tests that kill it: starts an engine, gives it something to do, says both numbers."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from desktop.engine.client import EngineClient
from desktop.engine.messages import LoaderRef
from tests.engine.puppets import LAUNCH, SOON, generate, load, start_load

WORK = {
    "idle": lambda engine: None,
    "loading": lambda engine: start_load(engine, "progress('loading')\ntime.sleep(3600)"),
    "generating": lambda engine: generate(engine, "while True:\n    time.sleep(0.01)\n    yield Chunk()"),
    "printing": lambda engine: generate(engine, "while True:\n    print('x' * 1000)\n    yield Chunk()"),
}


def main(work: str, logs: str) -> None:
    """Run until killed; Ctrl-C makes it ask the engine whether it is still there."""
    engine = EngineClient(LAUNCH, LoaderRef("puppet", "puppet"), Path(logs))
    engine.start()
    if work != "loading":
        load(engine)
    job = WORK[work](engine)
    if job is not None:
        next(job.events(SOON))
    try:
        print(engine.pid, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted,", engine.count_tokens("the engine is there").result(SOON), "words", flush=True)
        engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
