"""A contender in a process of its own: start, ask with a time limit, end.

Its number of threads is set in the environment before it imports anything, and the process is bound to as many
cores. It belongs to a session of its own, so that Ctrl-C reaches the parent alone, and ends when its input ends.
"""

import base64
import contextlib
import json
import os
import select
import subprocess
import sys
import time

import numpy as np

START_LIMIT = 120.0


class ContenderFailed(Exception):
    """A contender that could not answer; the message says why."""


class Process:
    """A running contender.

    Checked by  tests/bench/test_process.py
    """

    def __init__(self, contender, threads, log=subprocess.DEVNULL):
        command = [sys.executable, "-m", "refvi.bench.worker", contender.module, str(threads)]
        self.child = subprocess.Popen(
            [*command, str(min(contender.memory, available() // 2))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | environment(threads) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        with contextlib.suppress(AttributeError, OSError):
            os.sched_setaffinity(self.child.pid, cores(threads))
        self.rest = b""
        try:
            self.versions = self._answer(START_LIMIT)["versions"]
        except ContenderFailed:
            self.close()
            raise

    def ask(self, request, limit):
        """The answer to a request; `ContenderFailed` where there is none within `limit` seconds."""
        try:
            self.child.stdin.write(json.dumps(request).encode() + b"\n")
            self.child.stdin.flush()
        except OSError:
            raise ContenderFailed(self._how_it_ended()) from None
        answer = self._answer(limit)
        if "error" in answer:
            raise ContenderFailed(answer["error"])
        return answer

    def close(self):
        """End the process, whatever it is doing."""
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def _answer(self, limit):
        end = time.monotonic() + limit
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.child.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self.close()
                raise ContenderFailed(f"longer than {limit:g} s")
            part = os.read(self.child.stdout.fileno(), 1 << 20)
            if not part:
                raise ContenderFailed(self._how_it_ended())
            self.rest += part
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def _how_it_ended(self):
        code = self.child.wait()
        return "killed, perhaps for memory" if code == -9 else f"process ended with code {code}"


def numbers(answer):
    """Values of an answer as a flat array, or None."""
    text = answer.get("values")
    return None if text is None else np.frombuffer(base64.b64decode(text), "<f8")


def cores(threads=0):
    """The last cores that this process may use (the first are interrupted most); all of them for 0."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return set(sorted(usable)[-threads:])


def available():
    """Bytes of memory that are free for use; a great many where the system does not tell."""
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 1 << 60


def environment(threads):
    """Variables that tell every library how many threads it may use."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM", "NUMBA")
    found = {f"{name}_NUM_THREADS": str(threads) for name in names}
    found["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    return found | {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1", "CUDA_VISIBLE_DEVICES": ""}
