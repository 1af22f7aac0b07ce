"""Hidden Markov specs against sums and maxima over all paths at 60 digits."""

import itertools

import numpy as np
import pytest
from mpmath import mp

from refvi.specs import hidden_markov as hmm
from refvi.specs import hidden_markov_messages as messages
from refvi.specs import hidden_markov_paths as paths
from refvi.specs.spec import PROJECTIONS
from tests.specs import exact

SIZES = {"S": 2, "T": 4}


def weights(initial, transition, log_density):
    """{path: p(x, path)} over all paths."""
    found = {}
    for path in itertools.product(range(len(initial)), repeat=len(log_density)):
        value = initial[path[0]]
        for i, j in itertools.pairwise(path):
            value = value * transition[i][j]
        found[path] = value * mp.exp(mp.fsum(row[s] for row, s in zip(log_density, path, strict=True)))
    return found


def total(**inputs):
    return mp.log(mp.fsum(weights(**inputs).values()))


def best(**inputs):
    return mp.log(max(weights(**inputs).values()))


def share(keep, **inputs):
    """Posterior probability of what `keep` says of a path."""
    table = weights(**inputs)
    return mp.fsum(p for path, p in table.items() if keep(path)) / mp.fsum(table.values())


def posterior(**inputs):
    S, T = len(inputs["initial"]), len(inputs["log_density"])
    return [[share(lambda z, t=t, s=s: z[t] == s, **inputs) for s in range(S)] for t in range(T)]


def forward(initial, transition, log_density):
    rows = []
    for t in range(len(log_density)):
        table = weights(initial, transition, log_density[: t + 1])
        rows.append([])
        for s in range(len(initial)):
            mass = mp.fsum(p for path, p in table.items() if path[-1] == s)
            rows[-1].append(mp.log(mass) if mass > 0 else mp.mpf("-inf"))
    return rows


def backward(transition, log_density):
    S, rows = len(transition), []
    for t in range(len(log_density)):
        later = log_density[t + 1 :]
        rows.append(
            [
                mp.log(mp.fsum(weights(transition[s], transition, later).values())) if later else mp.mpf(0)
                for s in range(S)
            ]
        )
    return rows


def em_transition(**inputs):
    S, T = len(inputs["initial"]), len(inputs["log_density"])

    def count(i, j):
        return mp.fsum(share(lambda z, t=t: z[t] == i and z[t + 1] == j, **inputs) for t in range(T - 1))

    counts = [[count(i, j) for j in range(S)] for i in range(S)]
    return [[c / mp.fsum(row) for c in row] for row in counts]


def table(function, inputs):
    with mp.workdps(exact.DIGITS):
        found = function(**{k: exact.exact(v) for k, v in inputs.items()})
        return np.array(found, dtype=object).astype(float)


DEFINITIONS = [
    (hmm.log_evidence, total),
    (messages.forward, forward),
    (messages.backward, backward),
    (messages.posterior, posterior),
    (paths.viterbi, best),
    (paths.em_transition, em_transition),
]
CASES = [
    pytest.param(spec, definition, inputs, id=f"{spec.id} {name}")
    for spec, definition in DEFINITIONS
    for name, inputs in exact.cases(spec, 2, SIZES)
    if len(inputs["log_density"]) < 10
]


@pytest.mark.parametrize(("spec", "definition", "inputs"), CASES)
def test_value_is_the_definition(spec, definition, inputs):
    with np.errstate(all="ignore"):
        found = spec.answer(inputs, dict(spec.conventions))["value"]
    want = table(definition, inputs)
    finite = np.isfinite(want)
    assert np.array_equal(finite, np.isfinite(found.value))
    exact.assert_within(found[finite] if want.ndim else found, want[finite] if want.ndim else want, spec.id)


@pytest.mark.parametrize(
    "inputs", [c.values[2] for c in CASES if c.values[0] is hmm.log_evidence and "entered" not in c.id]
)
def test_gradient_is_the_derivative_of_the_sum_over_all_paths(inputs):
    found = exact.gradients(hmm.log_evidence, inputs)
    assert set(found) == set(hmm.log_evidence.wrt)
    for wrt, g in found.items():
        want = exact.differences(total, inputs, wrt)
        project = PROJECTIONS.get(next(i.domain for i in hmm.log_evidence.inputs if i.name == wrt))
        exact.assert_within(
            project(g) if project else g, project(want).value if project else want, wrt, 1e-30
        )


def test_sixty_steps_agree_with_60_digits():
    inputs = {k: np.asarray(v) for k, v in hmm.log_evidence.edges()["sixty steps"].items()}
    found = hmm.log_evidence.answer(inputs, dict(hmm.log_evidence.conventions))["value"]
    with mp.workdps(exact.DIGITS):
        message = [
            mp.mpf(p) * mp.exp(mp.mpf(v))
            for p, v in zip(inputs["initial"], inputs["log_density"][0], strict=True)
        ]
        for row in inputs["log_density"][1:]:
            message = [
                mp.fsum(m * mp.mpf(inputs["transition"][i, j]) for i, m in enumerate(message))
                * mp.exp(mp.mpf(row[j]))
                for j in range(2)
            ]
        exact.assert_within(found, float(mp.log(mp.fsum(message))))


def test_refvi_itself_passes():
    import refvi
    from refvi.models import markov_chain
    from refvi.targets import get_target

    def rows(kernel, width, initial, transition, log_density):
        with np.errstate(divide="ignore"):
            chain = markov_chain.Chain(
                np.log(initial), np.log(transition), log_density, np.array([0, len(log_density)])
            )
        T, S = log_density.shape
        return get_target("python").rows(kernel, chain, 1, width, scratch=(T + 1) * (S + 1) + 3 * S + S * S)[
            0
        ]

    def log_evidence(initial, transition, log_density):
        S = len(initial)
        row = rows(markov_chain.smoothing_row, 1 + S * S + log_density.size, initial, transition, log_density)
        states = row[1 + S * S :].reshape(log_density.shape)
        with np.errstate(invalid="ignore"):
            return row[0], {
                "transition": row[1 : 1 + S * S].reshape(S, S) / transition,
                "log_density": states,
            }

    def viterbi(initial, transition, log_density):
        return rows(markov_chain.viterbi_row, 1 + len(log_density), initial, transition, log_density)[0]

    refvi.check("hmm.log_evidence", log_evidence, cases=20, framework="numpy").raise_if_failed()
    refvi.check("hmm.viterbi", viterbi, cases=20, framework="numpy").raise_if_failed()
