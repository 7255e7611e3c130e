"""Writes binary to standard output and reads standard input, at import and in its hooks; otherwise a good plugin."""

import os
import sys

from desktop.api import LoaderInfo, Verdict, hookimpl

NOISE = bytes(range(256)) * 64


def make_noise():
    os.write(1, NOISE)
    sys.stdout.buffer.write(NOISE)
    sys.stdout.flush()
    print("\x00\x00\x00\x04loud", flush=True)
    os.system("echo from a shell")
    sys.stdin.read()


make_noise()


@hookimpl
def describe():
    make_noise()
    return LoaderInfo(title="Loud but working")


@hookimpl
def probe(path):
    make_noise()
    return Verdict(fits=path.suffix == ".loud", reason="It reads .loud files.", native=True)


@hookimpl
def load(request, progress):
    return None


@hookimpl
def apply_lora(model, lora):
    return None


@hookimpl
def remove_lora(model, lora):
    return None
