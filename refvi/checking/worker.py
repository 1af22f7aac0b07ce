"""Runs in its own process: imports people's files, checks their marked functions, writes one JSON line per event.

Standard input: a JSON list of {"path", "only", "skip", "options"}. What the files print goes to standard error.
Not here: patience. The parent (refvi/checking/paths.py) waits, and ends a process that hangs.
"""

import importlib.util
import json
import os
import sys

from refvi.checking.check import check
from refvi.checking.marks import marked_functions
from refvi.checking.report import Report
from refvi.errors import RefviError

FRAMEWORKS = ("torch", "jax")


def main():
    """Work through the list on standard input."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(event, **fields):
        out.write(json.dumps({"event": event, **fields}) + "\n")

    for job in json.load(sys.stdin):
        say("file", path=job["path"])
        try:
            _run_file(job, say)
        except KeyboardInterrupt:
            return
        except BaseException as error:  # a user's file may raise anything, SystemExit included
            say("error", path=job["path"], message=_sentence(error))
    say("done")


def _run_file(job, say):
    path = job["path"]
    try:
        module = _load(path)
    except ModuleNotFoundError as error:
        root = (error.name or "").split(".")[0]
        if root in FRAMEWORKS and not job["only"]:
            say("left_out", path=path, message=f"needs {root}, which is not installed")
            return
        raise
    found = dict(marked_functions(vars(module)))
    if job["only"]:
        if job["only"] not in found:
            known = ", ".join(found) or "no marked function"
            say(
                "error",
                path=path,
                message=f"has no function {job['only']!r} marked with @refvi.implements (it has {known})",
            )
            return
        found = {job["only"]: found[job["only"]]}
    say("found", path=path, names=list(found))
    for name, function in found.items():
        if name in job["skip"]:
            continue
        label = f"{path}::{name}"
        say("start", path=path, name=name)
        try:
            report = check(function, name=label, **job["options"])
        except RefviError as error:
            report = Report(label, "", "ERROR", message=str(error))
        say("report", path=path, name=name, report=report.to_dict(), text=report.text())


def _load(path):
    name = "refvi_checked_" + os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _sentence(error):
    if isinstance(error, RefviError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"is not valid Python: {error.msg} in line {error.lineno}"
    text = " ".join(str(error).split())[:200]
    return f"raised {type(error).__name__} when it was imported: {text or 'no message'}"


if __name__ == "__main__":
    main()
