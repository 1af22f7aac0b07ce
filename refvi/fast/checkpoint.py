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

FORMAT = "refvi checkpoint 1"


class Checkpoint:
    """Rows of a table (pieces, width), kept in a file.

    Checked by  tests/fast/test_checkpoint.py
    """

    def __init__(self, path, identity, pieces, width):
        self.rows, self.done = np.zeros((pieces, width)), np.zeros(pieces, bool)
        self.path, header = path, json.dumps({"format": FORMAT, "identity": identity})
        lines = self._read()
        if lines and lines[0] != header:
            raise UsageError(f"checkpoint {path} must belong to the same computation, got another one's file")
        for line in lines[1:]:
            self._recall(line)
        self.file = open(path, "a", encoding="ascii")  # noqa: SIM115 - closed by __exit__
        # A line that a crash has cut short must not swallow the next one.
        self._write("" if lines else header)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def missing(self):
        """Numbers of the pieces that are not there yet."""
        return np.flatnonzero(~self.done)

    def store(self, numbers, rows):
        """Keep the rows of some pieces: in memory once the disk has them."""
        payload = base64.b64encode(np.ascontiguousarray(rows, "<f8").tobytes()).decode()
        body = json.dumps({"pieces": [int(n) for n in numbers], "rows": payload})
        self._write(f"{_checksum(body)} {body}")
        self.rows[numbers], self.done[numbers] = rows, True

    def _read(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="ascii", errors="replace") as file:
            return [line.rstrip("\n") for line in file]

    def _recall(self, line):
        checksum, _, body = line.partition(" ")
        if checksum != _checksum(body):
            return
        record = json.loads(body)
        rows = np.frombuffer(base64.b64decode(record["rows"]), "<f8").reshape(len(record["pieces"]), -1)
        self.rows[record["pieces"]], self.done[record["pieces"]] = rows, True

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


def _checksum(body):
    return hashlib.sha256(body.encode("ascii", "replace")).hexdigest()[:16]
