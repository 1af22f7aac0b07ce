"""Singular covariances, equal data, and what is no number. Rows: name, call, wanted."""

import numpy as np

from refvi.algorithms import categorical_per_datum, mean_field_chain, svi
from refvi.models import hidden_markov, mixture
from tests.edges.making import (
    EQUAL,
    FLAT,
    INF,
    LEFT_OUT,
    LINE,
    NAN,
    X,
    chain,
    close,
    diagonal,
    finite,
    never_falls,
    normal,
    normal_chain,
    run,
    stochastic,
    table,
    vem,
)

ROWS = [
    # ---- singular covariances, all data equal
    ("EM, all data equal", lambda t: run("em", mixture, normal(), EQUAL, t), FLAT),
    ("EM, all data equal, tied", lambda t: run("em", mixture, normal(cholesky=[np.eye(2)]), EQUAL, t), FLAT),
    ("EM, all data equal, diagonal", lambda t: run("em", mixture, diagonal(), EQUAL, t), FLAT),
    ("EM, data on a line", lambda t: run("em", mixture, normal(), LINE, t), FLAT),
    ("EM, one datum", lambda t: run("em", mixture, normal(), X[:1], t), FLAT),
    (
        "variational EM, all data equal",
        lambda t: vem(mixture, categorical_per_datum, normal(), EQUAL, t),
        FLAT,
    ),
    (
        "chain, EM, all data equal",
        lambda t: run("em", hidden_markov, normal_chain(normal().emission), [EQUAL], t),
        FLAT,
    ),
    ("generalised EM, all data equal", lambda t: run("gem", mixture, normal(), EQUAL, t), never_falls),
    (
        "generalised EM, all data equal, diagonal",
        lambda t: run("gem", mixture, diagonal(), EQUAL, t),
        never_falls,
    ),
    ("gradient ascent, all data equal", lambda t: run("ascent", mixture, diagonal(), EQUAL, t), never_falls),
    ("SVI, all data equal", lambda t: stochastic(diagonal(), EQUAL, t), lambda r: finite(r.objective)),
    (
        "EM, all symbols equal",
        lambda t: run("em", mixture, table((0.0, 1.0), (0.0, 0.0)), [[0], [0]], t).log_evidence[1:],
        close([0.0] * 3),
    ),
    (
        "a singular factor",
        lambda t: mixture.log_evidence(normal(cholesky=[np.eye(2), [[1.0, 0.0], [1.0, 0.0]]]), X, t),
        "emission.cholesky must have positive diagonals, got a covariance that is singular",
    ),
    # ---- what is no number
    ("NaN in data", lambda t: mixture.log_evidence(normal(), X * NAN, t), "x must be finite"),
    ("infinity in data", lambda t: mixture.log_evidence(normal(), X + INF, t), "x must be finite"),
    ("data far away", lambda t: mixture.log_evidence(normal(), X * 1e200, t), close([-INF] * 5)),
    ("posterior of data far away", lambda t: mixture.posterior(normal(), X * 1e200, t), LEFT_OUT),
    (
        "NaN in symbols",
        lambda t: mixture.log_evidence(table((0.0, 0.0)), [[0], [NAN]], t),
        "x must hold whole numbers",
    ),
    (
        "infinity in symbols",
        lambda t: mixture.log_evidence(table((0.0, 0.0)), [[INF]], t),
        "x must hold whole numbers",
    ),
    (
        "a symbol too many",
        lambda t: mixture.log_evidence(table((0.0, 0.0)), [[2]], t),
        "from 0 to 1, got 2 to 2",
    ),
    (
        "half a symbol",
        lambda t: mixture.log_evidence(table((0.0, 0.0)), [[0.5]], t),
        "x must hold whole numbers",
    ),
    (
        "words for data",
        lambda t: mixture.log_evidence(normal(), [["a", "b"]], t),
        "x must be an array of real numbers",
    ),
    (
        "words for symbols",
        lambda t: mixture.log_evidence(table((0.0, 0.0)), [["a"]], t),
        "x must be an array of real",
    ),
    (
        "ragged data",
        lambda t: mixture.log_evidence(normal(), [[1, 2], [3]], t),
        "x must be an array of real numbers",
    ),
    (
        "complex data",
        lambda t: mixture.log_evidence(normal(), X + 1j, t),
        "x must be an array of real numbers",
    ),
    (
        "nothing for data",
        lambda t: mixture.log_evidence(normal(), None, t),
        "x must be an array of real numbers",
    ),
    ("no data", lambda t: mixture.log_evidence(normal(), X[:0], t), r"N >= 1, got \(0, 2\)"),
    (
        "nothing for parameters",
        lambda t: mixture.log_evidence(None, X, t),
        "theta must be a Mixture, got NoneType",
    ),
    (
        "nothing for a chain",
        lambda t: hidden_markov.log_evidence(None, [[0]], t),
        "theta must be a HiddenMarkov",
    ),
    (
        "NaN in means",
        lambda t: mixture.log_evidence(normal(means=[[NAN, 0.0], [0.0, 0.0]]), X, t),
        "must be finite",
    ),
    (
        "NaN in weights",
        lambda t: mixture.log_evidence(normal((NAN, 0.0)), X, t),
        "mixing_logits must be finite or -inf",
    ),
    ("no weight at all", lambda t: mixture.log_evidence(normal((-INF, -INF)), X, t), "not all -inf"),
    (
        "NaN in a chain",
        lambda t: hidden_markov.log_evidence(chain((NAN, 0.0)), [[0]], t),
        "initial_logits must be finite or -inf",
    ),
    (
        "a state that leads nowhere",
        lambda t: hidden_markov.log_evidence(chain(transition=((-INF, -INF), (0.0, 0.0))), [[0]], t),
        "transition_logits must be finite or -inf, and not all of a row -inf",
    ),
    (
        "NaN in a chain's data",
        lambda t: hidden_markov.log_evidence(normal_chain(normal().emission), [X * NAN], t),
        "x must be finite",
    ),
    (
        "NaN in q",
        lambda t: vem(mixture, categorical_per_datum, normal(), X, t, logits=np.full((5, 2), NAN)),
        "logits must be finite or -inf, got NaN",
    ),
    (
        "NaN in q of a chain",
        lambda t: vem(hidden_markov, mean_field_chain, chain(), [[0]], t, logits=np.full((1, 2), NAN)),
        "logits must be finite or -inf, got NaN",
    ),
    (
        "a minibatch of none",
        lambda t: stochastic(normal(), X, t, batch=0),
        "batch must be a whole number from 1",
    ),
    ("a minibatch of all", lambda t: stochastic(normal(), X, t, batch=5), lambda r: finite(r.objective)),
    (
        "fewer steps than none",
        lambda t: stochastic(normal(), X, t, steps=-1),
        "steps must be an integer of at least 0",
    ),
    (
        "a schedule that never settles",
        lambda t: stochastic(normal(), X, t, schedule=svi.Schedule(1.0, power=0.3)),
        "0.5 < power <= 1",
    ),
]
