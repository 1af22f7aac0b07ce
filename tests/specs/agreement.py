"""How a spec is held to its definition: value and gradient within 8·u·S, on generic cases and on every edge."""

import numpy as np
from mpmath import mp, mpf

from refvi.checking.compare import UNIT, C
from refvi.specs.spec import PROJECTIONS
from tests.specs import by_definition

SMALL = {"B": 2, "D": 3, "X": 2, "K": 2, "C": 3, "M": 3}
U = UNIT["float64"]


def small_case(spec, seed):
    """A generic case of small sizes, canonical: sizes are not what these tests are about."""
    from refvi.specs.generic import DRAWS

    rng = np.random.default_rng([41, seed])
    if spec.draw:
        return spec.draw(rng, SMALL)
    return {i.name: DRAWS[i.domain](rng, tuple(SMALL[a] for a in i.axes.split())) for i in spec.inputs}


def cases(spec):
    """Two generic cases, then the edges, by name."""
    found = {f"generic {seed}": small_case(spec, seed) for seed in range(2)}
    edges = {
        name: {k: np.asarray(v, dtype=np.float64) for k, v in inputs.items()}
        for name, inputs in spec.edges().items()
    }
    return {**found, **edges}


def declared(spec):
    return dict(spec.conventions)


def answer(spec, inputs):
    with np.errstate(all="ignore"):
        return spec.answer(spec.write(inputs, declared(spec)), declared(spec))


def assert_value(spec, inputs):
    """The value is the definition's, to 8·u·S; S is finite and not a licence: at most 1e4 times what it bounds."""
    found = answer(spec, inputs)["value"]
    want = by_definition.values(spec, inputs)
    with mp.workdps(by_definition.DIGITS):
        for got, size, exact in zip(np.ravel(found.value), np.ravel(found.size), want, strict=True):
            assert np.isfinite(size)
            assert abs(mpf(float(got)) - exact) <= C * U * (size + abs(exact)), (float(got), float(exact))


def assert_gradient(spec, inputs, edge):
    """Every gradient is the difference quotient of the definition; at an edge, where one exists."""
    found, want = answer(spec, inputs), by_definition.gradients(spec, inputs)
    assert set(want) == {q.removeprefix("grad.") for q in found if q != "value"}
    for name, exact in want.items():
        domain = next(i.domain for i in spec.inputs if i.name == name)
        g = found[f"grad.{name}"]
        exact = PROJECTIONS[domain](exact).value if domain in PROJECTIONS else exact
        exists = np.isfinite(g.value)
        assert edge or np.all(exists)
        gap = np.abs(g.value - exact)[exists]
        allowed = (C * U * (g.size + np.abs(exact)))[exists]
        assert np.all(gap <= allowed + 1e-300), (name, g.value, exact)
