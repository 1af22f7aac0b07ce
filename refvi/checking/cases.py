"""Cases: made from a seed, named by a token that holds the whole case, so that it can be repeated anywhere.

A token is `rv1-` and base32 in groups of four: checksum, spec fingerprint, then every array in the spec's order, as
multiples of 1/64 in 16 bits where all entries lie on that grid, as 64-bit floats otherwise; deflated when that is shorter.
"""

import base64
import struct
import zlib
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.specs.generic import GRID

TOKEN = "rv1-"
SHAPES = 6  # different shapes among the generic cases: compiling frameworks pay for each of them


class Case(NamedTuple):
    """One case: its name ("generic 17", "edge: std large"), whether it is an edge, and the arrays as handed over."""

    name: str
    edge: bool
    inputs: dict


def make_cases(spec, declared, count, seed, shapes=None):
    """The generic cases of a seed, then the edges of the spec.

    shapes  how many sets of axis sizes may occur, for frameworks that compile anew for each; None for no limit
    """
    cases = []
    for n in range(count):
        sizes = spec.draw_sizes(np.random.default_rng([seed, n % shapes])) if shapes else None
        inputs = spec.draw_case(np.random.default_rng([seed, n]), declared, sizes)
        cases.append(Case(f"generic {n}", False, inputs))
    for name, inputs in spec.edges().items():
        canonical = {k: np.asarray(v, dtype=np.float64) for k, v in inputs.items()}
        cases.append(Case(f"edge: {name}", True, spec.write(canonical, declared)))
    return cases


def _fingerprint(spec):
    return zlib.crc32(spec.id.encode()) & 0xFFFF


def encode(spec, inputs):
    """The token of a case."""
    body = b""
    for array in inputs.values():
        array = np.ascontiguousarray(array, dtype=np.float64)
        steps = array * GRID
        fits = bool(
            np.all(steps == np.round(steps))
            and np.all(np.abs(steps) < 2**15)
            and not np.any(_negative_zero(array))
        )
        body += struct.pack("<BB", array.ndim, 1 if fits else 0) + struct.pack(
            f"<{array.ndim}H", *array.shape
        )
        body += steps.astype("<i2").tobytes() if fits else array.astype("<f8").tobytes()
    small = zlib.compress(body, 9)
    packed = b"z" + small if len(small) < len(body) else b"r" + body
    packed = struct.pack("<H", _fingerprint(spec)) + packed
    text = base64.b32encode(struct.pack("<H", zlib.crc32(packed) & 0xFFFF) + packed).decode().rstrip("=")
    return TOKEN + "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def _negative_zero(array):
    return (array == 0) & np.signbit(array)


def decode(spec, token, declared):
    """The case of a token; `UsageError` when it is damaged or belongs to another spec."""
    problem = (
        f"case must be a token {TOKEN}XXXX-... printed by `refvi check` for {spec.id}, got {token[:24]!r}"
    )
    if not token.startswith(TOKEN):
        raise UsageError(problem)
    text = token[len(TOKEN) :].replace("-", "").upper()
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
        check, packed = raw[:2], raw[2:]
        if struct.unpack("<H", check)[0] != zlib.crc32(packed) & 0xFFFF:
            raise ValueError("checksum")
        if struct.unpack("<H", packed[:2])[0] != _fingerprint(spec):
            raise UsageError(f"case must belong to {spec.id}, got the token of another spec")
        body = zlib.decompress(packed[3:]) if packed[2:3] == b"z" else packed[3:]
        arrays = _unpack(body)
    except (ValueError, struct.error, zlib.error) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(problem + " (it is incomplete or mistyped)") from None
    names = list(spec.written(declared).values())
    if len(arrays) != len(names):
        raise UsageError(problem)
    return Case("repeated", False, dict(zip(names, arrays, strict=True)))


def _unpack(body):
    arrays, at = [], 0
    while at < len(body):
        ndim, fits = struct.unpack_from("<BB", body, at)
        shape = struct.unpack_from(f"<{ndim}H", body, at + 2)
        at += 2 + 2 * ndim
        count = int(np.prod(shape, dtype=int))
        flat = np.frombuffer(body, "<i2" if fits else "<f8", count, at)
        arrays.append(flat.astype(np.float64).reshape(shape) / (GRID if fits else 1.0))
        at += count * (2 if fits else 8)
    return arrays
