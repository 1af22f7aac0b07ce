"""The compile cache, keyed so that it can never serve stale code.

Numba's own cache looks at the file of the driver and not at the kernels it calls: after an edit of a kernel it returns the
old value. Here the cache lies in a folder named after a hash of every source file of refvi, the versions of numba and
Python, and the processor; folders that were not used for a month go. A process whose sources were edited after it loaded
them writes nothing: its code and the files on disk are no longer the same thing. `REFVI_CACHE_DIR` moves the cache; where it
cannot be written there is none.

Checked by  tests/targets/test_cache.py
"""

import contextlib
import functools
import hashlib
import os
import platform
import re
import shutil
import sys
import time
from pathlib import Path

from refvi.kernels.portable import LOADED

PACKAGE = Path(__file__).parents[1]
MARGIN = 2.0
GLANCE = 0.05  # seconds
MONTH = 30 * 86400.0


def directory():
    """The folder of this version of the sources, or None where it cannot be written or the sources have moved on."""
    return _looked_up(int(time.monotonic() / GLANCE))


@functools.lru_cache(maxsize=1)
def _looked_up(_moment):
    """A file with dozens of compiled functions asks for each of them: one look at the sources serves all of a moment."""
    sources = sorted(
        os.path.join(folder, name)
        for folder, _, names in os.walk(PACKAGE)
        for name in names
        if name.endswith(".py")
    )
    if max(os.stat(path).st_mtime for path in sources) > LOADED - MARGIN:
        return None
    return _folder(tuple(map(Path, sources)))


@functools.cache
def _folder(sources):
    import numba

    digest = hashlib.sha256()
    for path in sources:
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    digest.update(f"{numba.__version__} {sys.version} {platform.machine()} {_processor()}".encode())
    folder = home() / digest.hexdigest()[:24]
    try:
        if not folder.exists():
            _prune(home())
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        probe = folder / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    return folder


def home():
    """The folder of everything that refvi keeps between processes."""
    return Path(os.environ.get("REFVI_CACHE_DIR") or _user_cache())


def _processor():
    """The processor's name; Numba's index inside the folder keeps processors apart as well."""
    from numba.core.registry import cpu_target

    return cpu_target.target_context.codegen().magic_tuple()


def _prune(place):
    """Remove the folders of earlier sources that nobody has used for a month."""
    for old in place.glob("*"):
        if re.fullmatch(r"[0-9a-f]{24}", old.name) and time.time() - old.stat().st_mtime > MONTH:
            shutil.rmtree(old, ignore_errors=True)


def _user_cache():
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", os.path.expanduser("~")), "refvi", "cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/refvi")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "refvi")


@contextlib.contextmanager
def cached_here():
    """While a dispatcher is created: let numba put its files into `directory()`; yields whether it may cache."""
    import numba

    folder, before = directory(), numba.config.CACHE_DIR
    if folder is None:
        yield False
        return
    numba.config.CACHE_DIR = str(folder)
    try:
        yield True
    finally:
        numba.config.CACHE_DIR = before


def compiled(function, *, cache=True, **options):
    """`numba.njit(function)` without the lock of the interpreter and with IEEE division, cached in `directory()`."""
    import numba

    settings = {"nogil": True, "error_model": "numpy", **options}
    if not cache:
        return numba.njit(**settings)(function)
    with cached_here() as allowed:
        return numba.njit(cache=allowed, **settings)(function)
