"""Split R-hat: whether chains and their halves agree."""

import numpy as np

from refvi.specs.effective_sample_size import DRAWS, SHAPES, VEHTARI, edges_of_draws, scores, split, variances
from refvi.specs.sized import sqrt
from refvi.specs.spec import Spec


def reduction(chains, **pieces):
    """sqrt(V / W)."""
    W, V = variances(chains, **pieces)
    return sqrt(V / W)


split_r_hat = Spec(
    id="mcmc.split_r_hat",
    says="split R-hat: the square root of the pooled over the within-chain variance, of halves of chains",
    inputs=(DRAWS,),
    output="",
    reference=lambda draws: {"r_hat": reduction(split(draws))},
    source=VEHTARI
    + "section 3.1, arXiv:1903.08008v5; Gelman et al. 2013, Bayesian Data Analysis, equations 11.3, 11.4",
    edges=lambda: {name: draws for name, draws in edges_of_draws().items() if name != "one chain"},
    **SHAPES,
)


@split_r_hat.mistake(
    "r-hat-squared",
    says="returns the ratio of the variances without its square root",
    seen=("pymc-devs/pymc2#100",),
)
def _(draws):
    W, V = variances(split(draws))
    return V / W


@split_r_hat.mistake(
    "r-hat-variance-biased",
    says="divides the variance within chains by N instead of N - 1",
    seen=("tensorflow/probability#1054",),
)
def _(draws):
    return reduction(split(draws), within=lambda squares, count: (squares / count).mean())


@split_r_hat.mistake(
    "r-hat-within-not-shrunk",
    says="adds the variance of the means to the whole of W, not to (1 - 1/N) W",
    seen=("tensorflow/probability#1054",),
)
def _(draws):
    return reduction(split(draws), shrink=False)


@split_r_hat.mistake(
    "r-hat-std-within",
    says="averages standard deviations within chains where variances are wanted",
    seen=("Samreay/ChainConsumer#21",),
)
def _(draws):
    return reduction(split(draws), within=lambda squares, count: sqrt(squares / (count - 1.0)).mean())


@split_r_hat.mistake(
    "r-hat-between-not-divided",
    says="adds B, N times the variance of the means, without dividing it by N",
)
def _(draws):
    W, V = variances(split(draws))
    count = draws.shape[1] // 2
    shrunk = W * ((count - 1.0) / count)
    return sqrt((shrunk + float(count) * (V - shrunk)) / W)


@split_r_hat.mistake(
    "r-hat-chains-pooled",
    says="puts the draws of all chains into the same two halves, so that chains apart look converged",
    seen=("minaskar/zeus#29",),
)
def _(draws):
    half = draws.shape[1] // 2
    return reduction(np.stack([draws[:, :half].ravel(), draws[:, -half:].ravel()]))


@split_r_hat.mistake("r-hat-axes-exchanged", says="takes draws for chains and chains for draws")
def _(draws):
    return reduction(split(draws).T)


@split_r_hat.mistake(
    "r-hat-means-biased",
    says="divides the squares of the chains' means by the number of chains, not one less",
)
def _(draws):
    W, V = variances(split(draws))
    count, chains = draws.shape[1] // 2, 2 * len(draws)
    shrunk = W * ((count - 1.0) / count)
    return sqrt((shrunk + (V - shrunk) * ((chains - 1.0) / chains)) / W)


@split_r_hat.relative(
    "r-hat-not-split", says="takes the chains whole, without cutting them in halves", of="value"
)
def _(draws):
    return reduction(draws)


@split_r_hat.relative(
    "r-hat-rank-normalised", says="replaces the draws by normal scores of their ranks first", of="value"
)
def _(draws):
    return reduction(scores(split(draws)))
