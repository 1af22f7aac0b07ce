"""refvi's own source files as text: which one mentions a name, and whether anything changed.

Commands that read one thing import the file that holds it and not the whole catalogue: the file is found by looking
for the quoted name in the text. That is a guess which the import confirms; where it fails everything is imported.
"""

import functools
import hashlib
import os
import sys
import time

PACKAGE = os.path.dirname(os.path.abspath(__file__))
LOADED = time.time()  # whatever is read of the sources is read after this
MARGIN = 2.0


def mentioning(folder, files, name):
    """Those of a folder's files (names without .py) whose text holds the name in double quotes.

    Shapes      folder relative to the package, e.g. "specs"
    Checked by  tests/test_files.py
    """
    quoted = f'"{name}"'
    return [file for file in files if quoted in _text(os.path.join(PACKAGE, folder, f"{file}.py"))]


def stamp():
    """A hash of the names, sizes and times of all source files; None where one is so new that it may change unseen.

    Checked by  tests/test_files.py
    """
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(_paths()):
        state = os.stat(path)
        if state.st_mtime > LOADED - MARGIN:
            return None
        digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _paths():
    for folder, _, names in os.walk(PACKAGE):
        yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


@functools.cache
def _text(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""
