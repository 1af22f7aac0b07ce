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
    """A call that runs one process; `cold` gives each an empty compile cache, all others the same one.

    Python keeps the byte code of what it imports, as it does unless it is told not to.
    """
    case, folder = sizes["case"], tempfile.TemporaryDirectory(prefix="refvi-bench-")
    command = [sys.executable, "-m", "refvi.cli", *_arguments(case, Path(folder.name))]
    count = iter(range(1 << 30))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def call():
        cache = os.path.join(folder.name, f"cache-{next(count) if 'cold' in case else 0}")
        environment = kept | {"REFVI_CACHE_DIR": cache}
        found = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if found.returncode:
            lines = found.stderr.strip().splitlines()
            raise RuntimeError(f"exit code {found.returncode}: {lines[-1] if lines else ''}")

    call.note = " ".join(["refvi", *command[3:4]])
    call.folder = folder  # lives as long as the call
    if "cold" not in case:
        call()
    return call


CHECKED = """import numpy as np
import refvi

@refvi.implements("kl.normal_standard", scale="log_var")
def kl(mu, log_var):
    return 0.5 * (np.exp(log_var) + mu**2 - 1 - log_var).sum(-1)
"""


def _arguments(case, folder):
    if case == "check":
        (folder / "kl.py").write_text(CHECKED)
        return ["check", str(folder / "kl.py")]
    simple = {"list": ["list"], "show": ["show", "kl.normal_standard"]}
    return simple.get(case) or _evidence(folder, *(SMALL if case == "numpy path" else LARGE))


def _evidence(folder, K, D):
    given = network(K, D)
    np.savez(folder / "model.npz", W=given.W, b=given.b, c=given.c)
    np.save(folder / "data.npy", given.x)
    model, data = str(folder / "model.npz"), str(folder / "data.npy")
    return ["evidence", model, "--data", data]


PREPARE = {"start-up": start_up}
