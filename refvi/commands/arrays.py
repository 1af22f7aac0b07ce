"""Arrays from people's files: numbers or one sentence; a pickle is never opened, because it can run code."""

import os
import zipfile

import numpy as np

from refvi.errors import UsageError

MODEL = ("W", "b", "c")


def read_model(path):
    """The arrays W, b, c of an .npz file."""
    wanted = f"MODEL must be an .npz file with arrays {', '.join(MODEL)}, got {path!r}"
    found = _load(path, wanted)
    if isinstance(found, np.ndarray):
        raise UsageError(f"{wanted}, which holds one array without a name")
    with found:
        missing = [name for name in MODEL if name not in found.files]
        if missing:
            raise UsageError(f"{wanted}, which holds {', '.join(found.files) or 'nothing'}")
        return [_member(found, name, path) for name in MODEL]


def read_data(path):
    """The array of an .npy file: one datum (D,) or many (B, D)."""
    wanted = f"--data must be an .npy file with zeros and ones, got {path!r}"
    found = _load(path, wanted)
    if not isinstance(found, np.ndarray):
        found.close()
        raise UsageError(f"{wanted}, which is an archive of arrays")
    return _numbers("the array", found, path)


def _load(path, wanted):
    if not os.path.exists(path):
        raise UsageError(f"{wanted}, which does not exist")
    if os.path.isdir(path):
        raise UsageError(f"{wanted}, which is a folder")
    try:
        # NumPy leaves the file of a damaged archive open.
        with open(path, "rb") as file:
            if file.read(2) == b"PK" and not zipfile.is_zipfile(path):
                raise UsageError(f"{wanted}, which is damaged or cut short")
        return np.load(path, allow_pickle=False)
    except UsageError:
        raise
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{wanted}, {_why(path, error)}") from error


def _why(path, error):
    if isinstance(error, PermissionError):
        return "which may not be read"
    with open(path, "rb") as file:
        start = file.read(8)
    if start.startswith((b"\x93NUMPY", b"PK")):
        return (
            "which holds pickled objects; they are not opened, because a pickle can run code"
            if "allow_pickle" in str(error)
            else "which is damaged or cut short"
        )
    return "which is not one"


def _member(archive, name, path):
    try:
        return _numbers(name, archive[name], path)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, UsageError):
            raise
        held = (
            "pickled objects; they are not opened, because a pickle can run code"
            if "allow_pickle" in str(error)
            else "something damaged or cut short"
        )
        raise UsageError(f"{name} in {path!r} must hold numbers, got {held}") from error


def _numbers(name, array, path):
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{name} in {path!r} must hold real numbers, got dtype {array.dtype}")
    return array
