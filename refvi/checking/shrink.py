"""A smaller case with the same diagnosis: structure first, then values on a coarser grid, never out of generic position."""

import numpy as np

from refvi.checking.cases import Case
from refvi.specs import conventions as conv

COARSE = (2.0, 4.0, 8.0)
SPECIAL = (0.0, 1.0, -1.0, 0.5)


def shrink(spec, declared, case, still):
    """Shrink a case while `still(case)` holds; returns the case and how many steps were accepted."""
    steps = 0
    for smaller in (_shorter, _rounder):
        progress = True
        while progress:
            progress = False
            for inputs in smaller(spec, declared, case.inputs):
                candidate = Case("shrunk", case.edge, inputs)
                if still(candidate):
                    case, steps, progress = candidate, steps + 1, True
                    break
    return case, steps


def _shorter(spec, declared, inputs):
    """The case with one axis cut: to one, to two, to half, by one."""
    names, sizes = spec.written(declared), spec.sizes_of(inputs, declared)
    for letter, size in sizes.items():
        for length in dict.fromkeys((1, 2, size // 2, size - 1)):
            if spec.least.get(letter, 1) <= length < size:
                yield {names[i.name]: _cut(inputs[names[i.name]], i, letter, length) for i in spec.inputs}


def _cut(array, i, letter, length):
    for axis, name in enumerate(i.axes.split()):
        if name == letter:
            array = np.take(array, np.arange(length), axis)
    if i.domain == "simplex" and i.axes.split()[-1] == letter:
        array = array / array.sum(-1, keepdims=True)
    if i.domain == "one_hot" and i.axes.split()[-1] == letter:
        array[..., -1] += 1 - array.sum(-1)
    return array


def _rounder(spec, declared, inputs):
    """The case with one array rounded to halves, quarters, eighths; generic entries stay generic and distinct."""
    names = spec.written(declared)
    for i in spec.inputs:
        name = names[i.name]
        if i.domain in ("binary", "one_hot", "simplex", "count"):
            continue
        old, domain = inputs[name], conv.SCALES[declared["scale"]].domain if i.domain == "scale" else i.domain
        for grid in COARSE:
            new = np.round(old * grid) / grid
            if np.array_equal(new, old):
                break
            beside = np.where(np.isin(new, SPECIAL[:3]) & (old != new), new + np.sign(old - new) / grid, new)
            generic = [array for array in (new, beside) if _generic(array, domain)]
            if generic:
                yield {**inputs, name: generic[0]}
                break


def _generic(array, domain):
    flat = (
        array[np.tril_indices(array.shape[-1])] if domain == "cholesky" and array.ndim == 2 else array.ravel()
    )
    if domain in ("positive", "probability") and np.any(flat <= 0):
        return False
    if domain == "probability" and np.any(flat >= 1):
        return False
    return len(np.unique(flat)) == flat.size and not np.any(np.isin(flat, SPECIAL[:3]))
