"""Small discrete VAEs on which everything is exact, and independent answers about them: probabilities instead of logits."""

import math

import numpy as np

from refvi.laws import gradient
from refvi.models import discrete_vae as dv
from refvi.oracles import enumeration

SIZE = 64.0  # the sum of the absolute terms of any value here
X = np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])


def _values(rng, *shape):
    """Numbers in generic position on a grid of 2^-12."""
    return rng.integers(-6000, 6000, shape) / 4096.0


def three_bits(seed=0):
    """3 bits to 4 visibles through a tanh layer of 2 units."""
    rng = np.random.default_rng([seed, 1])
    hidden = _values(rng, 2, 3), _values(rng, 2)
    return X, dv.Generative(*hidden, 2.0 * _values(rng, 4, 2), _values(rng, 4), _values(rng, 3))


def three_bits_linear(seed=0):
    """3 bits to 4 visibles through a logistic layer."""
    rng = np.random.default_rng([seed, 2])
    return X, dv.linear(_values(rng, 4, 3), _values(rng, 4), _values(rng, 3))


def one_bit(seed=0):
    """1 bit to 1 visible: sigmoid(w h + b)."""
    rng = np.random.default_rng([seed, 3])
    return np.array([[1.0], [0.0]]), dv.linear(3.0 * _values(rng, 1, 1), _values(rng, 1), _values(rng, 1))


def explaining_away(seed=0):
    """x = h_1 or h_2, nearly surely; given x = 1 the two rare causes exclude each other, and no product q is close."""
    shift = seed / 16.0
    weights, bias = np.array([[6.0 + shift, 5.5]]), np.array([-3.0 - shift])
    return np.array([[1.0], [0.0]]), dv.linear(weights, bias, np.array([-1.5, -1.25 - shift]))


def noisy_or(seed=0):
    """3 causes of 4 effects, each cause failing independently, with a leak."""
    rng = np.random.default_rng([seed, 4])
    weights, leak = np.abs(_values(rng, 4, 3)), 0.125 + np.abs(_values(rng, 4)) / 4.0
    return X, dv.linear(weights, leak, _values(rng, 3), dv.NOISY_OR)


MODELS = {
    "three bits": three_bits,
    "three bits, linear": three_bits_linear,
    "one bit": one_bit,
    "explaining away": explaining_away,
    "noisy OR": noisy_or,
}
QUICK = ("three bits", "noisy OR", "explaining away")
CONCAVE = ("three bits, linear", "one bit", "explaining away", "noisy OR")


def logits(psi, data, seed=0):
    """Generic logits of q, (N, K)."""
    return 1.5 * _values(np.random.default_rng([seed, 5]), len(data), len(psi.prior_logits))


def recognition(psi, data, seed=0):
    """A generic recognition net."""
    rng, latents = np.random.default_rng([seed, 6]), len(psi.prior_logits)
    return dv.Recognition(_values(rng, latents, data.shape[1]), _values(rng, latents))


def models(quick, *, names=None, seeds=3):
    """(name, x, psi, logits of q) for every small model; quickly, for those of `QUICK`."""
    for name in QUICK if quick and names is None else names or MODELS:
        for seed in range(1 if quick else seeds):
            x, psi = MODELS[name](seed)
            yield name, x, psi, logits(psi, x, seed)


def differentiated(value, found, at, *, name, quick, **options):
    """A gradient against differences: every entry, quickly a few and three directions."""
    return gradient.gradient_is_derivative(
        value, lambda _: found, at, name=name, limit=6 if quick else 64, **options
    )


# ---- independent answers


def sigmoid(a):
    """Probabilities of one and of zero, (2, ...), each formed by itself."""
    a = np.asarray(a, dtype=np.float64)
    return np.array([1.0 / (1.0 + np.exp(-a)), 1.0 / (1.0 + np.exp(a))])


def means(h, psi):
    """f(h) and 1 - f(h) at a point of the cube, (2, D)."""
    features = np.asarray(h, dtype=np.float64)
    if len(psi.bias_hidden):
        features = np.tanh(psi.weights_hidden @ features + psi.bias_hidden)
    a = psi.weights_out @ features + psi.bias_out
    return np.array([-np.expm1(-a), np.exp(-a)]) if len(psi.link) else sigmoid(a)


def cross(value, on, off):
    """The two terms of v log p + (1 - v) log(1 - p), what has weight zero left out."""
    return [float(w) * math.log(p) for w, p in ((value, on), (1.0 - value, off)) if w != 0.0]


def joint_terms(h, x, psi):
    """The terms whose sum is log p(x, h), h in the cube."""
    factors = [*zip(h, *sigmoid(psi.prior_logits), strict=True), *zip(x, *means(h, psi), strict=True)]
    return [term for factor in factors for term in cross(*factor)]


def log_joint(h, x, psi):
    """Independent log joint."""
    return math.fsum(joint_terms(h, x, psi))


def log_q(h, logits):
    """Independent log q."""
    return math.fsum(t for factor in zip(h, *sigmoid(logits), strict=True) for t in cross(*factor))


def states(psi):
    """Every corner of the cube, (2^K, K)."""
    return enumeration.binary_states(len(psi.prior_logits)).astype(float)


def elbo(x, psi, logits):
    """Independent exact ELBO of one datum, as an Answer."""
    corners = states(psi)
    q = enumeration.probabilities(lambda h: log_q(h, logits), corners)
    answer = enumeration.expectation(lambda h: log_joint(h, x, psi) - log_q(h, logits), corners, q)
    size = math.fsum(w * math.fsum(map(abs, joint_terms(h, x, psi))) for w, h in zip(q, corners, strict=True))
    return answer._replace(magnitude=answer.magnitude + size + 1.0)


def elbo_value(x, psi, logits):
    """The value of `elbo` alone, for differences."""
    logs = [(log_q(h, logits), log_joint(h, x, psi)) for h in states(psi)]
    return math.fsum(math.exp(q) * (p - q) for q, p in logs)


def entropy_terms(logits):
    """The terms whose sum is the entropy of q."""
    return [-p * math.log(p) for p in sigmoid(logits).ravel()]


def surrogate(x, psi, logits):
    """Independent surrogate of one datum, and the sum of its absolute terms."""
    terms = joint_terms(sigmoid(logits)[0], x, psi) + entropy_terms(logits)
    return math.fsum(terms), 1.0 + math.fsum(map(abs, terms))
