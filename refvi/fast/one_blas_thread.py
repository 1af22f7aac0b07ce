"""SciPy's OpenBLAS with one thread of its own, for the time of a call that brings its own threads.

Matrix products of blocks that fit a cache gain nothing from a second thread inside BLAS, two pools on the same cores
slow one another down, and a product that BLAS splits need not have the bits of one that it does not. The setting
belongs to the process: the first to enter changes it, the last to leave restores it. Other BLAS libraries are left
as they are.
"""

import contextlib
import ctypes
import functools
import importlib.util
import threading
from pathlib import Path

_lock = threading.Lock()
_inside, _before = 0, 1


@contextlib.contextmanager
def one_blas_thread():
    """OpenBLAS as Numba's `np.dot` calls it computes in the calling thread."""
    global _inside, _before
    get, put = _settings()
    with _lock:
        _inside += 1
        if _inside == 1:
            _before = get()
            if _before != 1:
                put(1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _before != 1:
                put(_before)


@functools.cache
def _settings():
    """Functions that read and set the number of threads; where there is no OpenBLAS, ones that do nothing."""
    for path in _libraries():
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))
            for prefix in ("scipy_openblas", "openblas"):
                if hasattr(library, f"{prefix}_set_num_threads"):
                    return (
                        getattr(library, f"{prefix}_get_num_threads"),
                        getattr(library, f"{prefix}_set_num_threads"),
                    )
    return (lambda: 1), (lambda _: None)


def _libraries():
    """The OpenBLAS that SciPy's wheel carries: Linux and Windows beside the package, macOS inside it."""
    package = Path(importlib.util.find_spec("scipy").origin).parent
    for folder in (package.parent / "scipy.libs", package / ".dylibs"):
        yield from sorted(folder.glob("*openblas*"))
