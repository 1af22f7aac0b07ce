"""Rigorous enclosures: the same formulas in ball arithmetic, where every rounding widens the ball.

`enclose` evaluates a function of no arguments that computes with balls, doubling the precision until the ball is
small. The number that comes back is proven, not estimated. Needs python-flint. Not here: derivatives as proofs
(`derivative` is a difference quotient of balls: its rounding is enclosed, its truncation is not).
"""

import math
from typing import NamedTuple


class Enclosure(NamedTuple):
    """A proven interval.

    mid    the double next to the centre
    rad    the truth lies within mid ± rad
    text   30 digits and their radius
    bits   precision at which the ball became small enough
    """

    mid: float
    rad: float
    text: str
    bits: int

    def contains(self, value, slack=0.0):
        """True when a number may be the truth up to a slack."""
        return abs(value - self.mid) <= self.rad + slack


def flint():
    """The python-flint module, or a sentence that says how to get it."""
    try:
        import flint as module
    except ImportError as error:
        raise ImportError("ball arithmetic needs python-flint: pip install 'refvi[certify]'") from error
    return module


def ball(x):
    """A float64, an int or a ball as a ball, exactly: a float is the binary number it is, not its decimals."""
    arb = flint().arb
    return x if isinstance(x, arb) else arb(x if isinstance(x, int) else float(x))


def enclose(function, bits=128, accuracy=70, most=8192):
    """Enclosure of function(), which computes with balls; precision is doubled until `accuracy` bits are proven.

    Formula     |truth - mid| <= rad, rad at least half a unit in the last place of the double mid
    Domain      ArithmeticError where no precision up to `most` gives `accuracy` relative bits
    Source      Johansson 2017, IEEE Trans. Comput. 66, section 2 (Arb)
    Checked by  tests/oracles/test_balls.py
    """
    context = flint().ctx
    while bits <= most:
        with context.workprec(bits):
            found = ball(function())
            good = found.is_finite() and (
                found.rel_accuracy_bits() >= accuracy or float(found.abs_upper()) == 0.0
            )
            absolute = found.is_finite() and float(found.rad()) <= 2.0**-accuracy * 2.0**-200
            if good or absolute:
                mid = float(found)
                rad = float((found - ball(mid)).abs_upper())
                return Enclosure(mid, rad * (1.0 + 2.0**-50), found.str(30), bits)
        bits *= 2
    raise ArithmeticError(f"no enclosure with {accuracy} relative bits up to {most} bits of precision")


def log_sum_exp(balls):
    """Logarithm of a sum of exponentials; -math.inf stands for an impossible term."""
    terms = [ball(b) for b in balls if not (isinstance(b, float) and b == -math.inf)]
    if not terms:
        raise ValueError("log_sum_exp needs one possible term, got none")
    return sum((t.exp() for t in terms), ball(0)).log()


def softplus(x):
    """Logarithm of 1 + exp(x)."""
    return ball(x).exp().log1p()


def log_bernoulli(bit, logit):
    """Log probability of a bit under a logit: bit·logit - softplus(logit)."""
    return ball(int(bit)) * ball(logit) - softplus(logit)


def log_normal(x, mean, std):
    """Log density of a Gaussian with a standard deviation."""
    t = (ball(x) - ball(mean)) / ball(std)
    return -(t * t) / 2 - ball(std).log() - (2 * flint().arb.pi()).log() / 2


def kl_normal(mean_q, std_q, mean_p, std_p):
    """Divergence between two Gaussians with standard deviations."""
    ratio = ball(std_q) / ball(std_p)
    shift = (ball(mean_q) - ball(mean_p)) / ball(std_p)
    return (ratio * ratio + shift * shift - 1) / 2 - ratio.log()


def kl_bernoulli(logit_q, logit_p):
    """Divergence between two Bernoulli distributions with logits."""
    q = 1 / (1 + (-ball(logit_q)).exp())
    return q * (ball(logit_q) - ball(logit_p)) - softplus(logit_q) + softplus(logit_p)


def logit(bias, weights, values):
    """Affine map of one row: bias + sum_i weights_i values_i."""
    return sum((ball(w) * ball(int(v)) for w, v in zip(weights, values, strict=True)), ball(bias))


def sigmoid_belief_log_joint(layers, states):
    """Log joint of a layered sigmoid belief network.

    Formula     log p(h_L) + log p(h_{L-1} | h_L) + ... ; the logits of layer i are bias_i + W_i h_{i+1}
    Shapes      layers: from the top, [(bias_L, None), (bias, weights), ...]; states: [h_L, ..., x], bits
    Source      Neal 1992, Artificial Intelligence 56, Eq 7
    Checked by  tests/oracles/test_balls.py
    """
    total, above = ball(0), None
    for (bias, weights), bits in zip(layers, states, strict=True):
        for i, bit in enumerate(bits):
            row = ball(bias[i]) if weights is None else logit(bias[i], weights[i], above)
            total += log_bernoulli(bit, row)
        above = bits
    return total


def log_evidence(log_joint, states):
    """Logarithm of the sum of exp(log_joint(state)) over all states, as a ball."""
    return log_sum_exp([log_joint(state) for state in states])


def expectation(function, log_weights):
    """Average of function(i) under normalised log weights, as a ball."""
    logs = [ball(w) for w in log_weights]
    weights = [w.exp() for w in logs]
    return sum((w * ball(function(i)) for i, w in enumerate(weights)), ball(0)) / sum(weights, ball(0))


def elbo(log_joint, log_q, states):
    """Sum over states of q (log joint - log q), q as given: not renormalised."""
    terms = ((ball(log_q(s)), ball(log_joint(s))) for s in states)
    return sum((q.exp() * (p - q) for q, p in terms), ball(0))


def iwae_bound(log_w, log_q, k):
    """Expectation of log( (1/k) sum w ) over k draws, by the sum over all tuples of states."""
    import itertools

    total = ball(0)
    for draws in itertools.product(range(len(log_w)), repeat=k):
        mass = sum((ball(log_q[s]) for s in draws), ball(0)).exp()
        total += mass * (log_sum_exp([ball(log_w[s]) for s in draws]) - ball(k).log())
    return total


def derivative(function, x, bits=512):
    """Central difference of balls at a step of 2^-(bits/4): a derivative to about bits/2 - 10 bits, not proven.

    Formula     (f(x + h) - f(x - h)) / 2h, truncation h² f''' / 6
    Checked by  tests/oracles/test_balls.py
    """
    with flint().ctx.workprec(bits):
        step = ball(2) ** (-(bits // 4))
        return (function(ball(x) + step) - function(ball(x) - step)) / (2 * step)
