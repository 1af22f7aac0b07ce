"""Whole processes of the command line, from start to end: what a user waits for."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from refvi.bench.problems import network

SMALL, LARGE = (10, 16), (24, 16)  # the second is compiled


def start_up(sizes):
    """A call that runs one process; `cold` gives each an empty compile cache, `warm` all the same one."""
    case, folder = sizes["case"], tempfile.TemporaryDirectory(prefix="refvi-bench-")
    command = [sys.executable, "-m", "refvi.cli", "list"]
    if case != "list":
        command = _evidence(Path(folder.name), *(SMALL if case == "numpy path" else LARGE))
    count = iter(range(1 << 30))

    def call():
        cache = os.path.join(folder.name, f"cache-{next(count) if 'cold' in case else 0}")
        found = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"REFVI_CACHE_DIR": cache}, check=False
        )
        if found.returncode:
            lines = found.stderr.strip().splitlines()
            raise RuntimeError(f"exit code {found.returncode}: {lines[-1] if lines else ''}")

    call.note = " ".join(["refvi", *command[3:4]])
    call.folder = folder  # lives as long as the call
    if "cold" not in case:
        call()
    return call


def _evidence(folder, K, D):
    given = network(K, D)
    np.savez(folder / "model.npz", W=given.W, b=given.b, c=given.c)
    np.save(folder / "data.npy", given.x)
    model, data = str(folder / "model.npz"), str(folder / "data.npy")
    return [sys.executable, "-m", "refvi.cli", "evidence", model, "--data", data]


PREPARE = {"start-up": start_up}
