"""Hidden Markov models from the log densities of their emissions, one sequence: sums and maxima over all paths.

`transition[i, j]` is the probability of state j after state i. Every log-sum-exp is carried with its size, so that S
grows with the length as the recursions do.
"""

import numpy as np

from refvi.specs.sized import Sized, exp, expand, log, logsumexp, sized, softmax, stack
from refvi.specs.spec import Input, Spec

INPUTS = (
    Input("initial", "S", "simplex", "probabilities of the first state"),
    Input("transition", "S S", "simplex", "row i: probabilities of the state after i"),
    Input("log_density", "T S", "real", "log density of every step's observation under every state"),
)
SIZES = {"S": (2, 3), "T": (4, 5, 7)}
RABINER = 'Rabiner 1989, "A tutorial on hidden Markov models", equation '
CONVENTIONS = {"sign": "positive", "units": "nats"}


def forward_of(initial, transition, log_density):
    """Log p(x_1 ... x_t, z_t), (T, S)."""
    log_a, rows = log(sized(transition)), [log(sized(initial)) + log_density[0]]
    for b in log_density[1:]:
        rows.append(logsumexp(expand(rows[-1], 1) + log_a, 0) + b)
    return stack(rows)


def backward_of(transition, log_density):
    """Log p(x_(t+1) ... x_T | z_t), (T, S)."""
    log_a, rows = log(sized(transition)), [sized(np.zeros(log_density.shape[1]))]
    for b in log_density[:0:-1]:
        rows.append(logsumexp(log_a + expand(rows[-1] + b, 0), 1))
    return stack(rows[::-1])


def smoothed(initial, transition, log_density):
    """p(z_t | x), (T, S)."""
    return softmax(forward_of(initial, transition, log_density) + backward_of(transition, log_density))


def total_of(initial, transition, log_density):
    """Log p(x)."""
    return logsumexp(forward_of(initial, transition, log_density)[-1])


def pair_rates(initial, transition, log_density):
    """Sum over t of p(z_t = i, z_(t+1) = j | x) / transition[i, j], (S, S)."""
    before, after = forward_of(initial, transition, log_density), backward_of(transition, log_density)
    return _rates(before, after, log_density)


def _rates(before, after, log_density):
    later = after[1:] + log_density[1:]
    return exp(expand(before[:-1], 2) + expand(later, 1) - logsumexp(before[-1])).sum(0)


def deltas(initial, transition, log_density):
    """Best log joint of a path that ends in each state, a list of (S,)."""
    log_a, rows = log(sized(transition)), [log(sized(initial)) + log_density[0]]
    for b in log_density[1:]:
        candidates = expand(rows[-1], 1) + log_a
        best = candidates.value.argmax(0)[None]
        kept = [np.take_along_axis(part, best, 0)[0] for part in (candidates.value, candidates.size)]
        rows.append(Sized(*kept) + b)
    return rows


def best_of(**inputs):
    """Log joint of the most probable path."""
    last = deltas(**inputs)[-1]
    return last[int(last.value.argmax())]


def _gradient(initial, transition, log_density):
    """Inside the simplex; where a probability is 0, differentiation through its logarithm has no answer (NaN)."""
    inside = np.all(initial > 0) and np.all(transition > 0)
    before, after = forward_of(initial, transition, log_density), backward_of(transition, log_density)
    found = {
        "initial": exp(sized(log_density[0]) + after[0] - logsumexp(before[-1])),
        "transition": _rates(before, after, log_density),
        "log_density": softmax(before + after),
    }
    return found if inside else {name: g + np.nan for name, g in found.items()}


def edges_of():
    """Legal inputs off generic position."""
    plain = {"initial": [0.25, 0.75], "transition": [[0.875, 0.125], [0.375, 0.625]]}
    table = [[-1.5, 0.5], [0.75, -2.0], [1.25, 0.375], [-0.625, -1.25]]
    return {
        "one step": {**plain, "log_density": table[:1]},
        "a state that is never entered": {
            "initial": [1.0, 0.0],
            "transition": [[1.0, 0.0], [0.5, 0.5]],
            "log_density": table,
        },
        "unlikely data": {**plain, "log_density": (np.array(table) - 700.0).tolist()},
        "sixty steps": {**plain, "log_density": table * 15},
    }


def flipped(transition):
    """Rows and columns exchanged."""
    return np.swapaxes(transition, 0, 1)


def _uniform(initial):
    return np.full_like(initial, 1.0 / len(initial))


def _propagated(initial, transition):
    """The distribution of the state after the first one; zero entries stay zero."""
    return initial @ transition


TRANSPOSED = {
    "slug": "transition-transposed",
    "says": "reads the transition matrix with rows and columns exchanged",
    "seen": ("apache/flink#1350",),
}
NO_INITIAL = {
    "slug": "initial-omitted",
    "says": "leaves out the probability of the first state",
}
UNIFORM = {
    "slug": "initial-uniform",
    "says": "gives every first state the probability 1 / S",
    "seen": ("mateidavid/nanocall#16",),
}
PROPAGATED = {
    "slug": "initial-propagated",
    "says": "applies the transition matrix once before the first observation",
    "seen": ("pyro-ppl/pyro#2231",),
}
LATE = {
    "slug": "emission-one-step-late",
    "says": "uses the observation of the step before, so that the first counts twice and the last never",
    "seen": ("stephens999/fiveMinuteStats#46",),
}

UNDERFLOW = {
    "slug": "forward-underflow",
    "says": "multiplies probabilities without scaling them, so that long or unlikely sequences get the probability zero",
    "seen": ("mlpack/mlpack#160",),
}


def unscaled_forward(initial, transition, log_density):
    """p(x_1 ... x_t, z_t) as plain probabilities, (T, S)."""
    rows = [sized(initial) * exp(log_density[0])]
    for b in log_density[1:]:
        rows.append((rows[-1] @ transition) * exp(b))
    return stack(rows)


def unscaled_backward(transition, log_density):
    """p(x_(t+1) ... x_T | z_t) as plain probabilities, (T, S)."""
    rows = [sized(np.ones(len(transition)))]
    for b in log_density[:0:-1]:
        rows.append(sized(transition) @ (exp(b) * rows[-1]))
    return stack(rows[::-1])


def _late(log_density):
    return np.concatenate([log_density[:1], log_density[:-1]])


def shared_mistakes(spec, value):
    """The five mistakes that every recursion invites; `value` is the right function of the three inputs."""
    spec.mistake(**TRANSPOSED)(
        lambda initial, transition, log_density: value(initial, flipped(transition), log_density)
    )
    spec.mistake(**UNIFORM)(
        lambda initial, transition, log_density: value(_uniform(initial), transition, log_density)
    )
    spec.mistake(**PROPAGATED)(
        lambda initial, transition, log_density: value(
            _propagated(initial, transition), transition, log_density
        )
    )
    spec.mistake(**LATE)(
        lambda initial, transition, log_density: value(initial, transition, _late(log_density))
    )


# ---- log evidence

log_evidence = Spec(
    id="hmm.log_evidence",
    says="log p(x_1 ... x_T) of a hidden Markov model, the sum over all paths",
    inputs=INPUTS,
    output="",
    reference=lambda **inputs: {"log_evidence": total_of(**inputs)},
    gradient=_gradient,
    conventions=CONVENTIONS,
    sizes=SIZES,
    source=RABINER + "(19)-(21)",
    edges=edges_of,
)
shared_mistakes(log_evidence, total_of)


@log_evidence.mistake(**NO_INITIAL)
def _(initial, transition, log_density):
    return total_of(np.ones_like(initial), transition, log_density)


@log_evidence.mistake(**UNDERFLOW)
def _(**inputs):
    return log(unscaled_forward(**inputs)[-1].sum())


@log_evidence.mistake(
    "evidence-of-last-step",
    says="returns log p(x_T | x_1 ... x_(T-1)), the last scale instead of the sum of all",
)
def _(initial, transition, log_density):
    forward = forward_of(initial, transition, log_density)
    before = logsumexp(forward[-2]) if len(log_density) > 1 else sized(0.0)
    return logsumexp(forward[-1]) - before


@log_evidence.mistake(
    "evidence-of-best-path", says="takes the most probable path in place of the sum over all paths"
)
def _(**inputs):
    return best_of(**inputs)


@log_evidence.mistake(
    "evidence-of-last-state-best",
    says="takes the largest entry of the last forward message, not the sum",
)
def _(**inputs):
    last = forward_of(**inputs)[-1]
    return last[int(last.value.argmax())]


@log_evidence.mistake("last-emission-omitted", says="stops before the last observation")
def _(initial, transition, log_density):
    if len(log_density) == 1:
        return sized(0.0)
    return total_of(initial, transition, log_density[:-1])


@log_evidence.mistake(
    "filtering-gradient",
    says="returns the filtering posterior as the derivative by the log densities, which is the smoothing posterior",
    of="gradient",
)
def _(**inputs):
    return {"log_density": softmax(forward_of(**inputs))}
