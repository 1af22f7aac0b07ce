"""The compile cache, keyed so that it can never serve stale code.

Numba's own cache looks at the file of the driver and not at the kernels it calls: after an edit of a kernel it returns the
old value. Here the cache lies in a folder named after a hash of every source file of refvi, the versions of numba and
Python, and the processor. `REFVI_CACHE_DIR` moves it; where it cannot be written there is none.

Checked by  tests/targets/test_cache.py
"""

import contextlib
import functools
import hashlib
import os
import platform
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@functools.cache
def directory():
    """The folder of this version of the sources, or None where it cannot be written."""
    import numba
    from llvmlite import binding

    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    digest.update(
        f"{numba.__version__} {sys.version} {platform.machine()} {binding.get_host_cpu_name()}".encode()
    )
    home = os.environ.get("REFVI_CACHE_DIR") or _user_cache()
    folder = Path(home) / digest.hexdigest()[:24]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    return folder


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
