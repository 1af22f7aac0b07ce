"""Empty clusters, zero-probability symbols, sequences of length one, one component, one state. Rows: name, call, wanted."""

import math

import numpy as np

from refvi.algorithms import categorical_per_datum, mean_field_chain
from refvi.models import hidden_markov, mixture
from tests.edges.making import (
    FAR,
    HALF_NEVER,
    INF,
    LEFT_OUT,
    MEANS,
    NEVER,
    NO_SEQUENCE,
    ONE,
    ONE_COMPONENT,
    X,
    chain,
    close,
    diagonal,
    finite,
    keeps_component,
    log_density_of_x,
    never_falls,
    normal,
    run,
    stochastic,
    table,
    vem,
)

ROWS = [
    # ---- empty clusters
    (
        "EM, a component far from all data",
        lambda t: run("em", mixture, normal(means=FAR), X, t),
        keeps_component(lambda e: np.all(e.means[1] == 1e6) and np.all(e.cholesky[1] == np.eye(2))),
    ),
    (
        "EM, a component of weight zero",
        lambda t: run("em", mixture, normal((0.0, -INF)), X, t),
        keeps_component(lambda e: np.all(e.means[1] == MEANS[1])),
    ),
    (
        "EM, diagonal covariances, a component far from all data",
        lambda t: run("em", mixture, diagonal(means=FAR), X, t),
        keeps_component(lambda e: np.all(e.log_var[1] == 0.0)),
    ),
    (
        "generalised EM, a component of weight zero",
        lambda t: run("gem", mixture, normal((0.0, -INF)), X, t),
        keeps_component(lambda e: np.all(e.means[1] == MEANS[1])),
    ),
    (
        "gradient ascent, a component of weight zero",
        lambda t: run("ascent", mixture, normal((0.0, -INF)), X, t),
        keeps_component(lambda e: np.all(e.means[1] == MEANS[1])),
    ),
    (
        "generalised EM, a component far from all data",
        lambda t: run("gem", mixture, normal(means=FAR), X, t),
        never_falls,
    ),
    (
        "variational EM, a component of weight zero",
        lambda t: vem(mixture, categorical_per_datum, normal((0.0, -INF)), X, t),
        keeps_component(lambda e: np.all(e.means[1] == MEANS[1])),
    ),
    ("SVI, a component far from all data", lambda t: stochastic(normal(means=FAR), X, t), finite),
    (
        "evidence, a component of weight zero",
        lambda t: mixture.log_evidence(normal((0.0, -INF)), X, t),
        close(log_density_of_x(0)),
    ),
    (
        "gradient, a component so narrow that no datum is its own",
        lambda t: mixture.grad_log_evidence(diagonal(((0.0, 0.0), (-2000.0, 0.0))), X, t)[1].emission[0][1],
        close([0.0, 0.0]),
    ),
    (
        "gradient, a full covariance so narrow that no datum is its own",
        lambda t: mixture.grad_log_evidence(normal(cholesky=[np.eye(2), 1e-200 * np.eye(2)]), X, t)[1][1][0][
            1
        ],
        close([0.0, 0.0]),
    ),
    # ---- zero-probability symbols
    (
        "evidence, a symbol that one component forbids",
        lambda t: mixture.log_evidence(table((0.0, -INF), (0.0, 0.0)), [[0], [1]], t),
        close(np.log([0.75, 0.25])),
    ),
    (
        "posterior, a symbol that one component forbids",
        lambda t: mixture.posterior(table((0.0, -INF), (0.0, 0.0)), [[0], [1]], t),
        close([[2 / 3, 1 / 3], [0.0, 1.0]]),
    ),
    (
        "EM, a symbol that one component forbids",
        lambda t: run("em", mixture, table((0.0, -INF), (0.0, 0.0)), [[0], [1], [1]], t),
        lambda r: never_falls(r) and r.theta.emission.logits[0, 0, 1] == -INF,
    ),
    (
        "generalised EM, a symbol that one component forbids",
        lambda t: run("gem", mixture, table((0.0, -INF), (0.0, 0.0)), [[0], [1], [1]], t),
        never_falls,
    ),
    (
        "variational EM, a symbol that one component forbids",
        lambda t: vem(mixture, categorical_per_datum, table((0.0, -INF), (0.0, 0.0)), [[0], [1]], t),
        never_falls,
    ),
    (
        "SVI, a symbol that one component forbids",
        lambda t: stochastic(table((0.0, -INF), (0.0, 0.0)), [[0], [1], [1]], t),
        lambda r: finite(r.objective),
    ),
    (
        "EM, a symbol that never occurs",
        lambda t: run("em", mixture, table((0.5, 0.0, 1.0), (0.0, 0.0, 0.25)), [[0], [1], [1]], t),
        lambda r: never_falls(r) and np.all(r.theta.emission.logits[:, 0, 2] == -INF),
    ),
    (
        "evidence, a symbol that all components forbid",
        lambda t: mixture.log_evidence(table(*NEVER), [[0], [1]], t),
        close([0.0, -INF]),
    ),
    ("posterior of it", lambda t: mixture.posterior(table(*NEVER), [[0], [1]], t), LEFT_OUT),
    ("EM on it", lambda t: run("em", mixture, table(*NEVER), [[0], [1]], t), LEFT_OUT),
    ("generalised EM on it", lambda t: run("gem", mixture, table(*NEVER), [[0], [1]], t), LEFT_OUT),
    (
        "variational EM on it",
        lambda t: vem(mixture, categorical_per_datum, table(*NEVER), [[0], [1]], t),
        LEFT_OUT,
    ),
    ("SVI on it", lambda t: stochastic(table(*NEVER), [[0], [1], [1]], t), LEFT_OUT),
    (
        "chain, a symbol that one state forbids",  # the four paths, each with probability 1/4
        lambda t: hidden_markov.log_evidence(chain(symbols=HALF_NEVER), [[0, 1]], t),
        close([math.log(0.25 * (1 * 0 + 1 * 0.5 + 0.5 * 0 + 0.5 * 0.5))]),
    ),
    (
        "chain, EM with a symbol that one state forbids",
        lambda t: run("em", hidden_markov, chain(symbols=HALF_NEVER), [[0, 1, 0]], t),
        never_falls,
    ),
    (
        "chain, generalised EM with a symbol that one state forbids",
        lambda t: run("gem", hidden_markov, chain(symbols=HALF_NEVER), [[0, 1, 0]], t),
        never_falls,
    ),
    (
        "chain, variational EM with a symbol that one state forbids",
        lambda t: vem(hidden_markov, mean_field_chain, chain(symbols=HALF_NEVER), [[0, 1, 0]], t),
        lambda r: finite(r.elbo[1:]) and np.all(np.diff(r.elbo[1:]) >= -1e-12),
    ),
    (
        "chain, a symbol that all states forbid",
        lambda t: hidden_markov.log_evidence(chain(symbols=NEVER), [[0, 1, 0], [0]], t),
        close([-INF, 0.0]),
    ),
    (
        "chain, posterior of it",
        lambda t: hidden_markov.posterior(chain(symbols=NEVER), [[1]], t),
        NO_SEQUENCE,
    ),
    ("chain, path of it", lambda t: hidden_markov.viterbi(chain(symbols=NEVER), [[1]], t), NO_SEQUENCE),
    ("chain, EM on it", lambda t: run("em", hidden_markov, chain(symbols=NEVER), [[1]], t), NO_SEQUENCE),
    (
        "chain, variational EM on it",
        lambda t: vem(hidden_markov, mean_field_chain, chain(symbols=NEVER), [[0, 1]], t),
        "q must leave a possible state at every step, got none in sequence 0",
    ),
    (
        "chain, a state that is never entered",
        lambda t: run("em", hidden_markov, chain((0.0, -INF), ((0.0, -INF), (0.0, 0.0))), [[0, 1, 0]], t),
        lambda r: never_falls(r) and np.all(r.theta.transition_logits[1] == math.log(0.5)),
    ),
    (
        "chain, variational EM with a state that is never entered",
        lambda t: vem(
            hidden_markov, mean_field_chain, chain((0.0, -INF), ((0.0, -INF), (0.0, 0.0))), [[0, 1]], t
        ),
        "q must leave a possible state at every step, got none in sequence 0",
    ),
    (
        "chain, the same from a q that knows it",
        lambda t: vem(
            hidden_markov,
            mean_field_chain,
            chain((0.0, -INF), ((0.0, -INF), (0.0, 0.0))),
            [[0, 1]],
            t,
            logits=np.array([[0.0, -INF], [0.0, -INF]]),
        ),
        never_falls,
    ),
    # ---- sequences of length one
    (
        "chain, one step",
        lambda t: hidden_markov.log_evidence(chain(symbols=HALF_NEVER), [[0]], t),
        close([math.log(0.75)]),
    ),
    (
        "chain, posterior of one step",
        lambda t: hidden_markov.posterior(chain(symbols=HALF_NEVER), [[0]], t)[0],
        close([[2 / 3, 1 / 3]]),
    ),
    (
        "chain, path of one step",
        lambda t: [hidden_markov.viterbi(chain(symbols=HALF_NEVER), [[0]], t)[0][0]],
        close([math.log(0.5)]),
    ),
    (
        "chain, filter of one step",
        lambda t: hidden_markov.forward(chain(symbols=HALF_NEVER), [[0]], t)[0][0],
        close(np.log([[2 / 3, 1 / 3]])),
    ),
    (
        "chain, EM on one step keeps the transitions",
        lambda t: run("em", hidden_markov, chain(), [[1]], t),
        lambda r: never_falls(r) and np.all(r.theta.transition_logits == math.log(0.5)),
    ),
    (
        "chain, gradient of one step has no transitions",
        lambda t: hidden_markov.grad_log_evidence(chain(), [[1]], t)[1].transition_logits,
        close(np.zeros((2, 2))),
    ),
    (
        "chain, variational EM on one step",
        lambda t: vem(hidden_markov, mean_field_chain, chain(), [[1]], t),
        never_falls,
    ),
    (
        "chain, no step",
        lambda t: hidden_markov.log_evidence(chain(), [[]], t),
        r"each of at least one step, got lengths \[0\]",
    ),
    (
        "chain, no sequence",
        lambda t: hidden_markov.log_evidence(chain(), [], t),
        "sequences must be at least one",
    ),
    # ---- one component, one state
    (
        "EM, one component: the maximum in one step",
        lambda t: run("em", mixture, normal((0.0,)), X, t).log_evidence[1:],
        close([ONE_COMPONENT] * 3),
    ),
    ("posterior, one component", lambda t: mixture.posterior(normal((0.0,)), X, t), close(np.ones((5, 1)))),
    (
        "variational EM, one component",
        lambda t: vem(mixture, categorical_per_datum, normal((0.0,)), X, t).elbo[1:],
        close([ONE_COMPONENT] * 3),
    ),
    (
        "chain, one state",
        lambda t: hidden_markov.log_evidence(ONE, [[1, 0, 1]], t),
        close([3 * math.log(0.5)]),
    ),
    (
        "chain, EM with one state: frequencies",
        lambda t: run("em", hidden_markov, ONE, [[1, 0, 1]], t).theta.emission.logits,
        close(np.log([[[1 / 3, 2 / 3]]])),
    ),
    (
        "chain, path of one state",
        lambda t: hidden_markov.viterbi(ONE, [[1, 0, 1]], t)[1][0],
        close([0, 0, 0]),
    ),
    (
        "chain, variational EM with one state",
        lambda t: vem(hidden_markov, mean_field_chain, ONE, [[1, 0]], t),
        never_falls,
    ),
    (
        "one symbol",
        lambda t: run("em", mixture, table((0.0,), (0.0,)), [[0], [0]], t).log_evidence,
        close([0.0] * 4),
    ),
]
