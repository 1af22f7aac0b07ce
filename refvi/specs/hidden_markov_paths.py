"""The most probable path of a hidden Markov model, and Baum and Welch's step for its transitions."""

import itertools

import numpy as np

from refvi.specs.generic import on_grid, real, simplex
from refvi.specs.hidden_markov import (
    CONVENTIONS,
    INPUTS,
    NO_INITIAL,
    RABINER,
    SIZES,
    backward_of,
    best_of,
    deltas,
    edges_of,
    forward_of,
    pair_rates,
    shared_mistakes,
    smoothed,
    total_of,
)
from refvi.specs.sized import exp, expand, log, logsumexp, sized
from refvi.specs.spec import Spec

# ---- the most probable path


def _path_value(path, initial, transition, log_density):
    """Log joint of one path."""
    with np.errstate(divide="ignore"):
        total = log(sized(initial[path[0]])) + log_density[0][path[0]]
        for t in range(1, len(path)):
            total = total + log(sized(transition[path[t - 1], path[t]])) + log_density[t][path[t]]
    return total


def _ambiguous(rng, sizes):
    """Weak emissions, so that the most probable path is not the path of the most probable states."""
    S, T = sizes["S"], sizes["T"]
    return {
        "initial": simplex(rng, (S,)),
        "transition": simplex(rng, (S, S)),
        "log_density": on_grid(0.25 * real(rng, (T, S))),
    }


viterbi = Spec(
    id="hmm.viterbi",
    says="the log joint density of the most probable path, max over paths of log p(x, z)",
    inputs=INPUTS,
    output="",
    reference=lambda **inputs: {"viterbi": best_of(**inputs)},
    draw=_ambiguous,
    conventions=CONVENTIONS,
    sizes=SIZES,
    source=RABINER + "(32)-(34)",
    edges=edges_of,
)
shared_mistakes(
    viterbi, lambda *args: best_of(**dict(zip(("initial", "transition", "log_density"), args, strict=True)))
)


@viterbi.mistake(**NO_INITIAL)
def _(initial, transition, log_density):
    return best_of(initial=np.ones_like(initial), transition=transition, log_density=log_density)


@viterbi.mistake("viterbi-sums-paths", says="sums over the predecessors, which gives the log evidence")
def _(**inputs):
    return total_of(**inputs)


@viterbi.mistake(
    "viterbi-greedy",
    says="goes forward from the best state of each step and never traces back",
    seen=("mlpack/mlpack#303",),
)
def _(initial, transition, log_density):
    with np.errstate(divide="ignore"):
        path = [int((np.log(initial) + log_density[0]).argmax())]
        for b in log_density[1:]:
            path.append(int((np.log(transition[path[-1]]) + b).argmax()))
    return _path_value(path, initial, transition, log_density)


@viterbi.mistake("viterbi-posterior-decoding", says="scores the path of the most probable state at each step")
def _(**inputs):
    return _path_value(smoothed(**inputs).value.argmax(1), **inputs)


@viterbi.mistake(
    "viterbi-by-evidence", says="returns the log posterior of the path: the log evidence is subtracted"
)
def _(**inputs):
    return best_of(**inputs) - total_of(**inputs)


# ---- Baum and Welch's step for the transitions


def _counts(**inputs):
    """Expected transition counts, (S, S)."""
    return pair_rates(**inputs) * inputs["transition"]


def _row_divided(counts, by):
    return counts / expand(by, 1)


em_transition = Spec(
    id="hmm.em_transition",
    says="the transition matrix after one step of EM (Baum and Welch) on one sequence, from the old parameters",
    inputs=INPUTS,
    output="S S",
    reference=lambda **inputs: {"transition": _normalised(**inputs)},
    sizes=SIZES,
    source=RABINER + "(40b), (95)",
    edges=lambda: {k: v for k, v in edges_of().items() if k in ("unlikely data", "sixty steps")},
)
shared_mistakes(
    em_transition,
    lambda *args: _normalised(**dict(zip(("initial", "transition", "log_density"), args, strict=True))),
)


def _normalised(**inputs):
    counts = _counts(**inputs)
    return _row_divided(counts, counts.sum(1))


@em_transition.mistake(
    "transition-last-step-counted",
    says="divides by the state posteriors of all steps, the last included, so that rows do not sum to one",
    seen=("ShirakawaSanae/USTC-DS4001-25sp#33",),
)
def _(**inputs):
    return _row_divided(_counts(**inputs), smoothed(**inputs).sum(0))


@em_transition.mistake(
    "transition-columns-normalised", says="divides each column by its sum instead of each row"
)
def _(**inputs):
    counts = _counts(**inputs)
    return counts / expand(counts.sum(0), 0)


@em_transition.mistake("transition-counts-not-divided", says="returns the expected counts undivided")
def _(**inputs):
    return _counts(**inputs)


@em_transition.mistake(
    "transition-from-marginals",
    says="multiplies the posteriors of neighbouring steps",
)
def _(**inputs):
    states = smoothed(**inputs)
    pairs = states[:-1].T @ states[1:]
    return _row_divided(pairs, pairs.sum(1))


@em_transition.mistake(
    "transition-without-emission", says="leaves the later observation out of the pair posterior"
)
def _(initial, transition, log_density):
    before, after = forward_of(initial, transition, log_density), backward_of(transition, log_density)
    counts = sized(0.0)
    for t in range(len(log_density) - 1):
        joint = expand(before[t], 1) + log(sized(transition)) + expand(after[t + 1], 0)
        counts = counts + exp(joint - logsumexp(joint.reshape(-1)))
    return _row_divided(counts, counts.sum(1))


@em_transition.mistake(
    "transition-old-factor-omitted", says="leaves the old transition out of the pair posterior"
)
def _(**inputs):
    rates = pair_rates(**inputs)
    return _row_divided(rates, rates.sum(1))


@em_transition.mistake(
    "transition-from-viterbi", says="counts the transitions of the best path, plus one each"
)
def _(**inputs):
    path = _path(**inputs)
    counts = np.ones_like(inputs["transition"])
    for i, j in itertools.pairwise(path):
        counts[i, j] += 1.0
    return counts / counts.sum(1, keepdims=True)


def _path(initial, transition, log_density):
    rows = [d.value for d in deltas(initial, transition, log_density)]
    with np.errstate(divide="ignore"):
        path = [int(rows[-1].argmax())]
        for row in rows[-2::-1]:
            path.append(int((row + np.log(transition[:, path[-1]])).argmax()))
    return path[::-1]
