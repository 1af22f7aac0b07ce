"""The JSON file of a benchmark: every sample, and all that is needed to read it later.

    {"format": "refvi bench 1", "machine": {...}, "versions": {...}, "settings": {...}, "missing": {name: [library]},
     "rows": [{"task", "kind", "sizes", "threads", "contender", "verdict", "samples", ...}], "goals": [...],
     "finished": true}

A row is one contender at one task with one number of threads. `samples` are seconds of a call, each the median of a burst
of `calls` calls; `median` and `least` are of the samples. `memory` is what a call takes beyond what its process `held`
before; `load` is the largest load average that was seen. The file is written whole after every task, to another file
first, so that it is never half a file.
"""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version

from refvi.bench.process import cores
from refvi.errors import UsageError

FORMAT = "refvi bench 1"
LIBRARIES = (
    "refvi",
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "torch",
    "jax",
    "jaxlib",
    "pyro-ppl",
    "python-flint",
)


def new(settings):
    """An empty record of this machine."""
    return {
        "format": FORMAT,
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
        "settings": settings,
        "missing": {},
        "rows": [],
        "goals": [],
        "finished": False,
    }


def read(path):
    """An earlier record; one sentence where the file is not one."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        raise UsageError(f"benchmark record must exist, got no file {path}") from None
    except (OSError, ValueError):
        raise UsageError(f"benchmark record must be a JSON file, got {path}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UsageError(f"benchmark record must have format {FORMAT!r}, got {path}")
    return found


def resume(path, settings):
    """The record in a file to go on with, or a new one; refuses what another machine has measured."""
    if not os.path.exists(path):
        return new(settings)
    found = read(path)
    if found["machine"] != machine():
        raise UsageError(f"--resume must go on with a record of this machine, got another one's in {path}")
    found["settings"], found["finished"] = settings, False
    return found


def write(record, path):
    """Replace the file by the record, all or nothing."""
    partial = f"{path}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1, allow_nan=False)
        file.write("\n")
    os.replace(partial, path)


def machine():
    """Processor, cores, memory and system."""
    return {
        "processor": _processor(),
        "cores": len(cores()),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(
                line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line
            )
        found = {key.strip(): value.strip() for key, value in lines.items()}
        vector = (
            "AVX-512" if "avx512f" in found["flags"] else "AVX2" if "avx2" in found["flags"] else "no AVX2"
        )
        return f"{found['model name']}, family {found['cpu family']} model {found['model']}, {vector}"
    except (OSError, KeyError, ValueError):
        return platform.processor() or platform.machine()


def _memory():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
