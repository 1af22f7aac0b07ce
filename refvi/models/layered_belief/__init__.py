"""Sigmoid belief networks of any depth, h^L -> ... -> h^1 -> x, with recognition nets x -> h^1 -> ... -> h^L.

    p(x, h) = p(h^L) prod_l p(h^l | h^(l+1)),   q(h | x) = prod_l q(h^(l+1) | h^l),   h^0 = x, every unit a Bernoulli

`log_evidence`, `elbo`, `wake`, `sleep` are exact by enumeration; `recognise`, `dream`, `wake_rule`, `sleep_rule` are
the phases on samples. One hidden layer alone: `refvi.models.sigmoid_belief`.
"""

from refvi.models.layered_belief.exact import Elbo, Evidence, Sleep, Wake, elbo, log_evidence, sleep, wake
from refvi.models.layered_belief.parameters import Generative, Layer, Recognition
from refvi.models.layered_belief.sampled import (
    SleepRule,
    WakeRule,
    dream,
    recognise,
    sleep_rule,
    wake_rule,
)

__all__ = [
    "Elbo",
    "Evidence",
    "Generative",
    "Layer",
    "Recognition",
    "Sleep",
    "SleepRule",
    "Wake",
    "WakeRule",
    "dream",
    "elbo",
    "log_evidence",
    "recognise",
    "sleep",
    "sleep_rule",
    "wake",
    "wake_rule",
]
