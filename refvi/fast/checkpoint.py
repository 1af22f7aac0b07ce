"""A file that remembers finished pieces of a long computation, whatever kills it.

A header names the computation; every finished range of pieces is one line, written and flushed to the disk before it
counts. A line that a crash has cut short does not match its checksum and is skipped: its pieces are computed again.
Numbers are stored as their bytes, so that a resumed result is the same to the last bit. One process writes.
"""

import base64
import hashlib
import json
import os

import numpy as np

from refvi.errors import UsageError
from refvi.fast.pieces import Table

FORMAT = "refvi checkpoint 2"


class Checkpoint:
    """Tables that are kept in a file, by name and size.

    Checked by  tests/fast/test_checkpoint.py
    """

    def __init__(self, path, identity):
        self.path, header = path, json.dumps({"format": FORMAT, "identity": identity})
        try:
            lines = self._read()
            if lines and lines[0] != header:
                raise UsageError(
                    f"checkpoint {path} must belong to the same computation, got another one's file"
                )
            self.records = [record for record in map(_recall, lines[1:]) if record]
            self.file = open(path, "a", encoding="ascii")  # noqa: SIM115 - closed by __exit__
            # A line that a crash has cut short must not swallow the next one.
            self._write("" if lines else header)
        except OSError as error:
            raise UsageError(
                f"checkpoint must be a file that can be written, got {path}: {error.strerror}"
            ) from error

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def table(self, name, pieces, width):
        """The table of a name and a size, with all that the file holds of it."""
        name = f"{name} {pieces}x{width}"
        found = Table(pieces, width)
        for record in self.records:
            if record["table"] == name:
                rows = np.frombuffer(base64.b64decode(record["rows"]), "<f8")
                found.store(record["pieces"], rows.reshape(-1, width))
        found.write = lambda numbers, rows: self._append(name, numbers, rows)
        return found

    def _append(self, name, numbers, rows):
        payload = base64.b64encode(np.ascontiguousarray(rows, "<f8").tobytes()).decode()
        body = json.dumps({"table": name, "pieces": [int(n) for n in numbers], "rows": payload})
        self._write(f"{_checksum(body)} {body}")

    def _read(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="ascii", errors="replace") as file:
            return [line.rstrip("\n") for line in file]

    def _write(self, line):
        self.file.write(line + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())


def fingerprint(*parts):
    """Name of a computation: a hash of everything that its numbers depend on."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            part = f"{part.dtype} {part.shape} ".encode() + np.ascontiguousarray(part).tobytes()
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _recall(line):
    checksum, _, body = line.partition(" ")
    return json.loads(body) if checksum == _checksum(body) else None


def _checksum(body):
    return hashlib.sha256(body.encode("ascii", "replace")).hexdigest()[:16]
