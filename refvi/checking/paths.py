"""Files and folders: every marked function in a process of its own kind, watched, so that a hanging one stops only itself."""

import json
import os
import queue
import subprocess
import sys
import threading
from typing import NamedTuple

from refvi.errors import UsageError

PATIENCE = 60.0
# Cases are small and workers run side by side: threads of a BLAS would only wait for each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Outcome(NamedTuple):
    """What came of one function or file: kind is "report", "error" or "left_out"; report is the report's dict."""

    path: str
    name: str
    kind: str
    text: str
    report: dict


def files_of(path):
    """The Python files of a path, and the function's name where the path is PATH::NAME."""
    path, _, only = path.partition("::")
    if os.path.isdir(path):
        if only:
            raise UsageError(f"PATH::NAME needs a file before '::', got the folder {path!r}")
        found = [
            os.path.join(folder, name)
            for folder, _, names in sorted(os.walk(path))
            for name in sorted(names)
            if name.endswith(".py") and not name.startswith((".", "_"))
        ]
        if not found:
            raise UsageError(f"the folder {path!r} must hold Python files, found none")
        return found, None
    if not os.path.exists(path):
        raise UsageError(f"PATH must be a Python file or a folder, got {path!r}, which does not exist")
    if not path.endswith(".py"):
        raise UsageError(f"PATH must be a Python file or a folder, got {path!r}")
    return [path], only or None


def check_paths(path, *, timeout=PATIENCE, workers=None, on_outcome=None, **options):
    """Check every marked function under a path; returns the outcomes in the order of files and functions.

    timeout     seconds that one import or one check may take
    on_outcome  called with each outcome as it arrives
    options     passed on to `refvi.check`: cases, seed, case, framework
    """
    files, only = files_of(path)
    single = len(files) == 1
    jobs = [{"path": f, "only": only, "skip": [], "options": options} for f in files]
    count = max(1, min(workers or os.cpu_count() or 1, len(jobs)))
    results, lock = {}, threading.Lock()

    def keep(outcome):
        with lock:
            results.setdefault(outcome.path, []).append(outcome)
            if on_outcome:
                on_outcome(outcome)

    if count == 1:
        _supervise(jobs, timeout, keep, single)
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda n: _supervise(jobs[n::count], timeout, keep, single), range(count)))
    outcomes = [o for f in files for o in results.get(f, [])]
    if not outcomes:
        raise UsageError(f"{path!r} must hold a function marked with @refvi.implements(spec_id), found none")
    return outcomes


def exit_code(outcomes):
    """0 all as they should be, 1 a failure, 2 something could not run."""
    if any(o.kind == "error" or (o.kind == "report" and o.report["verdict"] == "ERROR") for o in outcomes):
        return 2
    return 1 if any(o.kind == "report" and not o.report["passed"] for o in outcomes) else 0


def _supervise(jobs, timeout, keep, single):
    """Run jobs in a worker; when it hangs or dies, say so and go on with a fresh one."""
    while jobs:
        running = _Worker(jobs)
        try:
            jobs = running.follow(timeout, keep, single)
        finally:
            running.end()


class _Worker:
    """One child process and the place in the job list where it is."""

    def __init__(self, jobs):
        self.jobs, self.at, self.name, self.lines = jobs, 0, None, queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "refvi.checking.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**ONE_THREAD, **os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.process.stdin.write(json.dumps(jobs))
        self.process.stdin.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def end(self):
        """Stop the child, whatever it is doing."""
        self.process.kill()
        self.process.wait()

    def follow(self, timeout, keep, single):
        """Pass outcomes on until the worker is done; returns the jobs that are left when it is not."""
        while True:
            try:
                line = self.lines.get(timeout=timeout)
            except queue.Empty:
                return self._lost(keep, f"did not answer within {timeout:g} s")
            if line is None:
                return self._lost(keep, f"ended the process (exit code {self.process.wait()})")
            event = json.loads(line)
            if event["event"] == "done":
                return []
            self._take(event, keep, single)

    def _take(self, event, keep, single):
        path, name = event["path"], event.get("name", "")
        if event["event"] == "file":
            self.at, self.name = next(n for n, j in enumerate(self.jobs) if j["path"] == path), None
        elif event["event"] == "start":
            self.name = name
        elif event["event"] == "report":
            self.jobs[self.at]["skip"].append(name)
            self.name = None
            keep(Outcome(path, name, "report", event["text"], event["report"]))
        elif event["event"] == "error":
            keep(Outcome(path, name, "error", f"{path}   ERROR   {event['message']}", {}))
        elif event["event"] == "left_out":
            keep(Outcome(path, name, "left_out", f"{path}   left out: {event['message']}", {}))
        elif event["event"] == "found" and not event["names"] and single:
            message = "holds no function marked with @refvi.implements(spec_id)"
            keep(Outcome(path, "", "error", f"{path}   ERROR   {message}", {}))

    def _lost(self, keep, message):
        job = self.jobs[self.at]
        label = f"{job['path']}::{self.name}" if self.name else job["path"]
        keep(Outcome(job["path"], self.name or "", "error", f"{label}   ERROR   {message}", {}))
        if self.name is None:
            return self.jobs[self.at + 1 :]
        job["skip"].append(self.name)
        return self.jobs[self.at :]
