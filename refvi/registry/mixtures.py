"""Evidence for mixtures and for the loops of EM: sums over components, differences, and runs that never fall."""

from refvi.algorithms import em
from refvi.laws import em as em_law
from refvi.laws.compare import compare, rounding
from refvi.laws.outcome import combine
from refvi.models import categorical_emission, diagonal_normal_emission, mixture, normal_emission
from refvi.registry import latent_cases as cases
from refvi.registry import mixture_laws as laws
from refvi.registry.entry import Entry, Evidence

ALL = ("python", "cpu", "cuda")
SIZE = laws.SIZE


def over_kinds(law):
    """A law over all emissions and several seeds."""

    def run(quick=True, _target="python"):
        outcomes = []
        for kind in cases.KINDS:
            for seed in range(1 if quick else 5):
                x = cases.data(kind, 8, seed)
                outcomes.append(law(cases.mixture(kind, seed=seed), x, cases.mixture(kind, seed=seed + 50)))
        return combine(outcomes[0].law, outcomes)

    return run


def check_quantities(quick=True, target="python"):
    """Log joint, posterior, Q, its gradient and the M step on a target against plain Python."""
    outcomes = []
    for kind in cases.KINDS[:1] if quick and target == "cuda" else cases.KINDS:
        theta, x = cases.mixture(kind), cases.data(kind)
        table = laws.table_of(theta, x)
        outcomes.append(compare("log joint", table, mixture.log_joint(theta, x, target), rounding(SIZE)))
        plain, found = ((mixture.expect(theta, x, name)) for name in ("python", target))
        outcomes.append(compare("expected statistics", plain, found, rounding(SIZE)))
        for function in (mixture.q_function, mixture.grad_q, mixture.maximise):
            wanted, got = (function(theta, plain[1], name) for name in ("python", target))
            outcomes.append(compare(function.__name__, wanted, got, rounding(SIZE)))
    return combine("every target gives the plain values, the log joint the oracle's", outcomes)


def run_never_falls(algorithm):
    """Six steps of an algorithm on every emission."""

    def run(quick=True, target="python"):
        outcomes = []
        for kind in cases.KINDS:
            for seed in range(1 if quick else 3):
                theta, x = cases.mixture(kind, 2, seed), cases.data(kind, 20, seed)
                values = algorithm(mixture, theta, x, steps=6, target=target).log_evidence
                outcomes.append(em_law.never_decreases(values, SIZE))
        return combine("no step lowers the log evidence", outcomes)

    return run


ENTRIES = [
    Entry("models.mixture", "model", "S5", mixture),
    Entry("models.mixture.log_evidence", "model", "S5", mixture.log_evidence),
    Entry("models.mixture.posterior", "model", "S5", mixture.posterior),
    Entry("models.mixture.grad_log_evidence", "model", "S5", mixture.grad_log_evidence),
    Entry("models.mixture.q_function", "objective", "S5", mixture.q_function),
    Entry("models.mixture.maximise", "algorithm", "S5", mixture.maximise),
    Entry("models.categorical_emission", "model", "S5", categorical_emission),
    Entry("models.normal_emission", "model", "S5", normal_emission),
    Entry("models.diagonal_normal_emission", "model", "S5", diagonal_normal_emission),
    Entry("algorithms.em", "algorithm", "S5", em.em),
    Entry("algorithms.generalised_em", "algorithm", "S5", em.generalised_em),
    Entry("algorithms.gradient_ascent", "algorithm", "S5", em.gradient_ascent),
]

DIFFERENCES = "4 times the differences' own error estimate"


def _row(subject, words, tolerance, run, targets=("python",)):
    return Evidence("S5", subject, words, tolerance, run, targets)


def _law(subject, words, tolerance, law):
    return _row(subject, words, tolerance, over_kinds(law))


def _run(subject, algorithm):
    return _row(
        subject, "no step lowers the log evidence", "8·u·S", run_never_falls(algorithm), ("python", "cpu")
    )


EVIDENCE = [
    _row("models.mixture", "every target gives the plain values", "8·u·S", check_quantities, ALL),
    _law(
        "models.mixture.log_evidence", "it is the sum over the components", "8·u·S", laws.log_evidence_is_sum
    ),
    _law(
        "models.mixture.log_evidence",
        "relabelling changes nothing",
        "8·u·S",
        laws.relabelling_changes_nothing,
    ),
    _law("models.mixture.posterior", "it is that of enumeration", "64·u·S", laws.posterior_is_exact),
    _law(
        "models.mixture.grad_log_evidence",
        laws.gradient.DERIVATIVE,
        DIFFERENCES,
        laws.grad_log_evidence_is_derivative,
    ),
    _law(
        "models.mixture.grad_log_evidence",
        "it is that of Q there",
        "8·u·S",
        laws.grad_q_meets_grad_log_evidence,
    ),
    _law("models.mixture.q_function", "it is the expected log joint", "8·u·S", laws.q_is_its_definition),
    _law("models.mixture.q_function", laws.gradient.DERIVATIVE, DIFFERENCES, laws.grad_q_is_derivative),
    _law("models.mixture.maximise", "the gradient of Q is zero there", "8·u·S", laws.m_step_is_stationary),
    _law(
        "models.mixture.maximise",
        "log evidence rises at least as much as Q",
        "8·u·S",
        laws.evidence_rises_at_least_by_q,
    ),
    _run("algorithms.em", em.em),
    _run("algorithms.generalised_em", em.generalised_em),
    _run("algorithms.gradient_ascent", em.gradient_ascent),
]
