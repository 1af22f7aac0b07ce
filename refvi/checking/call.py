"""Rung 0, the contract: call somebody's function and get clean float64 arrays, or one sentence that says what is wrong."""

import inspect
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError


class Answer(NamedTuple):
    """What came back for one case: quantity -> float64 array, and the dtype it was computed in."""

    quantities: dict
    dtype: str


class Broken(Exception):
    """The contract is broken; the message is one sentence. `raised` when the function itself raised."""

    def __init__(self, message, raised=False):
        super().__init__(message)
        self.raised = raised


def bind(function, spec, names):
    """The written input names that the function takes; one sentence when it asks for something else."""
    label = getattr(function, "__name__", "the function")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise UsageError(
            f"{label} must be a Python function with named arguments, got {type(function).__name__}"
        ) from None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return list(names)
    unknown = [
        p.name
        for p in parameters
        if p.name not in names and p.default is p.empty and p.kind is not p.VAR_POSITIONAL
    ]
    if unknown or any(p.kind is p.POSITIONAL_ONLY for p in parameters):
        raise UsageError(
            f"{label} must name its arguments as {spec.id} hands them over ({', '.join(names)}), "
            f"got ({', '.join(p.name for p in parameters)})"
        )
    return [p.name for p in parameters if p.name in names]


def call(function, adapter, inputs, expected, wrt, only):
    """Call once and read the answer; raises `Broken`.

    expected  quantity -> Sized reference, in the documented order
    wrt       written names to differentiate where only a value comes back
    only      "value" or "gradient": what the spec asks for
    """
    try:
        result, gradients, given = adapter.call(function, inputs, wrt)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise Broken(
            f"must return a result, raised {type(error).__name__}: {text or 'no message'}", raised=True
        ) from error
    for name, array in given.items():
        if not np.array_equal(array, inputs[name], equal_nan=True):
            raise Broken(f"must leave its inputs as they are, but wrote to {name!r}")
    return _read(result, gradients, adapter, expected, only)


def _read(result, gradients, adapter, expected, only):
    found = _named(result, gradients, list(expected), only)
    quantities, dtype = {}, _narrow(result) or "float64"
    for name, thing in found.items():
        try:
            array = adapter.to_numpy(thing)
        except Exception as error:
            raise Broken(
                f"must return arrays of numbers, got {type(thing).__name__} for {name!r} ({error})"
            ) from error
        if array.dtype.kind not in "fiub":
            raise Broken(f"must return real numbers, got {_describe(thing, array)} for {name!r}")
        if dtype == "float64" and array.dtype.kind == "f" and array.dtype.itemsize < 8:
            dtype = array.dtype.name
        quantities[name] = array.astype(np.float64)
    return Answer(quantities, dtype)


def _narrow(result):
    """Name of a floating dtype below 64 bits; a surrogate's gradients arrive in 64 bits whatever it was computed in."""
    text = str(getattr(result, "dtype", "")).removeprefix("torch.")
    return text if text in ("float32", "float16", "bfloat16") else None


def _describe(thing, array):
    return f"dtype {array.dtype}" if hasattr(thing, "dtype") else type(thing).__name__


def _named(result, gradients, expected, only):
    """Sort a value, a pair, a tuple or a dict into named quantities."""
    wanted_gradients = [q for q in expected if q.startswith("grad.")]
    if isinstance(result, dict):
        known = {k if k in expected or k == "value" else f"grad.{k}": v for k, v in result.items()}
        unknown = [k for k in result if k not in expected and f"grad.{k}" not in expected and k != "value"]
        if unknown:
            raise Broken(f"must return quantities among {', '.join(expected)}, got {unknown[0]!r}")
        return {q: known[q] for q in expected if q in known}
    if only == "gradient":
        if gradients is not None:
            return {f"grad.{k}": g for k, g in gradients.items()}
        parts = list(result) if isinstance(result, tuple | list) else [result]
        return _in_order(parts, wanted_gradients)
    if isinstance(result, tuple):
        value, *rest = result
        if len(rest) == 1 and isinstance(rest[0], dict):
            return {
                "value": value,
                **{k if k.startswith("grad.") else f"grad.{k}": v for k, v in rest[0].items()},
            }
        rest = list(rest[0]) if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest
        return {"value": value, **_in_order(rest, wanted_gradients)}
    if result is None:
        raise Broken("must return the value, got None")
    return {"value": result, **{f"grad.{k}": g for k, g in (gradients or {}).items()}}


def _in_order(parts, wanted):
    if len(parts) != len(wanted):
        raise Broken(f"must return {len(wanted)} gradients ({', '.join(wanted)}), got {len(parts)}")
    return dict(zip(wanted, parts, strict=True))
