"""Forward and backward messages of a hidden Markov model, and the smoothing posterior that they give."""

import numpy as np

from refvi.specs.hidden_markov import (
    INPUTS,
    NO_INITIAL,
    RABINER,
    SIZES,
    TRANSPOSED,
    UNDERFLOW,
    backward_of,
    deltas,
    edges_of,
    flipped,
    forward_of,
    shared_mistakes,
    smoothed,
    unscaled_backward,
    unscaled_forward,
)
from refvi.specs.sized import exp, expand, log, logsumexp, sized, softmax, stack
from refvi.specs.spec import Spec

forward = Spec(
    id="hmm.forward",
    says="forward messages log p(x_1 ... x_t, z_t) of a hidden Markov model",
    inputs=INPUTS,
    output="T S",
    reference=lambda **inputs: {"forward": forward_of(**inputs)},
    conventions={"units": "nats"},
    sizes=SIZES,
    source=RABINER + "(18)-(20)",
    edges=edges_of,
)
shared_mistakes(forward, forward_of)


@forward.mistake(**NO_INITIAL)
def _(initial, transition, log_density):
    return forward_of(np.ones_like(initial), transition, log_density)


@forward.mistake(**UNDERFLOW)
def _(**inputs):
    return log(unscaled_forward(**inputs))


@forward.mistake("forward-normalised", says="normalises every step, which gives the filtering posterior")
def _(**inputs):
    found = forward_of(**inputs)
    return found - expand(logsumexp(found), -1)


@forward.mistake("forward-best-predecessor", says="takes the best predecessor in place of the sum over all")
def _(**inputs):
    return stack(deltas(**inputs))


@forward.mistake(
    "forward-without-own-emission", says="leaves the observation of step t out of the message of step t"
)
def _(**inputs):
    return forward_of(**inputs) - inputs["log_density"]


backward = Spec(
    id="hmm.backward",
    says="backward messages log p(x_(t+1) ... x_T | z_t) of a hidden Markov model",
    inputs=INPUTS[1:],
    output="T S",
    reference=lambda **inputs: {"backward": backward_of(**inputs)},
    conventions={"units": "nats"},
    sizes=SIZES,
    source=RABINER + "(23)-(25)",
    edges=lambda: {
        name: {k: v for k, v in case.items() if k != "initial"} for name, case in edges_of().items()
    },
)


@backward.mistake(**TRANSPOSED)
def _(transition, log_density):
    return backward_of(flipped(transition), log_density)


@backward.mistake(
    "backward-with-own-emission", says="includes the observation of step t in the message of step t"
)
def _(transition, log_density):
    return backward_of(transition, log_density) + log_density


@backward.mistake(
    "backward-emission-of-this-step",
    says="multiplies by the observation of step t where that of step t + 1 belongs",
)
def _(transition, log_density):
    return backward_of(transition, np.concatenate([log_density[:1], log_density[:-1]]))


@backward.mistake(**UNDERFLOW)
def _(transition, log_density):
    return log(unscaled_backward(transition, log_density))


@backward.mistake("backward-starts-uniform", says="starts from log(1 / S) instead of from log 1")
def _(transition, log_density):
    return backward_of(transition, log_density) - np.log(float(len(transition)))


@backward.mistake("backward-best-successor", says="takes the best successor in place of the sum over all")
def _(transition, log_density):
    with np.errstate(divide="ignore"):
        log_a, rows = np.log(transition), [np.zeros(log_density.shape[1])]
    for b in log_density[:0:-1]:
        rows.append((log_a + rows[-1] + b).max(1))
    return np.array(rows[::-1])


posterior = Spec(
    id="hmm.posterior",
    says="p(z_t | x_1 ... x_T) of a hidden Markov model at every step, the smoothing posterior",
    inputs=INPUTS,
    output="T S",
    reference=lambda **inputs: {"posterior": smoothed(**inputs)},
    sizes=SIZES,
    source=RABINER + "(27)",
    edges=edges_of,
)
shared_mistakes(posterior, smoothed)


@posterior.mistake(
    "filtering-for-smoothing", says="leaves out the backward messages, which gives the filtering posterior"
)
def _(**inputs):
    return softmax(forward_of(**inputs))


@posterior.mistake(
    "emission-twice", says="includes the observation of step t in the forward and in the backward message"
)
def _(initial, transition, log_density):
    both = forward_of(initial, transition, log_density) + backward_of(transition, log_density)
    return softmax(both + log_density)


@posterior.mistake(**UNDERFLOW)
def _(initial, transition, log_density):
    joint = unscaled_forward(initial, transition, log_density) * unscaled_backward(transition, log_density)
    return joint / expand(joint.sum(-1), -1)


@posterior.mistake("posterior-over-time", says="normalises over the steps instead of over the states")
def _(initial, transition, log_density):
    return softmax(forward_of(initial, transition, log_density) + backward_of(transition, log_density), 0)


@posterior.mistake("posterior-unnormalised", says="returns p(z_t, x) without dividing by the evidence")
def _(initial, transition, log_density):
    return exp(forward_of(initial, transition, log_density) + backward_of(transition, log_density))


@posterior.mistake(
    "backward-times-forward",
    says="multiplies the forward messages into the backward recursion, so that the past is counted at every step",
    seen=("aimacode/aima-java#58",),
)
def _(initial, transition, log_density):
    before, log_a = forward_of(initial, transition, log_density), log(sized(transition))
    rows = [sized(np.zeros(len(initial)))]
    for t in range(len(log_density) - 1, 0, -1):
        later = rows[-1] + log_density[t] + before[t]
        rows.append(logsumexp(log_a + expand(later, 0), 1))
    return softmax(before + stack(rows[::-1]))


@posterior.mistake(
    "backward-without-transpose", says="runs the backward recursion with the transposed transition matrix"
)
def _(initial, transition, log_density):
    return softmax(
        forward_of(initial, transition, log_density) + backward_of(flipped(transition), log_density)
    )
