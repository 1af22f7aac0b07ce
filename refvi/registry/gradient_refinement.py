"""Evidence for gradient-based inference: every step ascends, a grid knows the best q, exact EM never falls."""

import itertools
import math

import numpy as np

from refvi.algorithms import discrete_vae_exact, gradient_refinement
from refvi.estimators import bernoulli_refinement
from refvi.laws import em as em_law
from refvi.laws.compare import at_most, compare, rounding
from refvi.laws.outcome import combine
from refvi.laws.target import LAW, check_target_agreement
from refvi.models import discrete_vae as dv
from refvi.models.discrete_vae import density
from refvi.models.discrete_vae.parameters import Data, Noise, Q, Table
from refvi.oracles import enumeration
from refvi.registry import discrete_vae_cases as cases
from refvi.registry.discrete_vae_steps import uniforms
from refvi.registry.entry import Entry, Evidence
from refvi.targets import get_target

BOTH = ("python", "cpu")
ALL = ("python", "cpu", "cuda")
SIZE = cases.SIZE
RESOLVED = SIZE * 2.0**-40  # what line searches that stop at rounding leave on the table
FIRST = ("three bits",)
FEW = ("one bit", "explaining away")


def check_refine(quick=True, target="python"):
    """No step lowers the objective of any datum; the ELBO stays below the log evidence; the values are the oracle's."""
    outcomes, law = [], "no E step lowers its objective; the ELBO stays below the log evidence"
    for name, x, psi, logits in cases.models(quick, seeds=2):
        evidence = dv.log_evidence(x, psi, target).log_evidence
        for objective in gradient_refinement.OBJECTIVES:
            found = gradient_refinement.refine(
                x, psi, logits, objective=objective, steps=5 if quick else 20, target=target
            )
            outcomes += [em_law.never_decreases(c, SIZE, name=f"{objective}, {name}") for c in found.values.T]
            right = cases.elbo if objective == "elbo" else cases.surrogate
            for n, row in enumerate(x):
                wanted = right(row, psi, found.logits[n])[0]
                outcomes.append(
                    compare(law, wanted, found.values[-1, n], rounding(SIZE), f"{objective} at the end")
                )
            if objective == "elbo":
                outcomes += [
                    at_most(law, v, e, SIZE * 2.0**-50, "8·u·S", f"ELBO of {name}")
                    for v, e in zip(found.values[-1], evidence, strict=True)
                ]
    return combine(law, outcomes)


def grid_maximum(right, x, psi, points):
    """The largest value of an objective over a grid of means, (points)^K of them."""
    line = np.linspace(0.0, 1.0, points + 2)[1:-1]
    odds = np.log(line) - np.log1p(-line)
    grid = itertools.product(odds, repeat=len(psi.prior_logits))
    return max(right(x, psi, np.array(logits))[0] for logits in grid)


def check_optimum(quick=True, target="python"):
    """From the best of a few starts, refinement ends no lower than any point of a grid, and where nothing moves."""
    outcomes, law = [], "the best of a few starts ends above every point of a grid"
    for name, x, psi, _ in cases.models(quick, names=FEW[1:] if quick else FEW, seeds=1):
        starts = 2.0 * (2.0 * cases.states(psi) - 1.0)
        for objective, right in (("elbo", cases.elbo), ("surrogate", cases.surrogate)):
            for row in x[:1] if quick else x:
                many = np.tile(row, (len(starts), 1))
                found = gradient_refinement.refine(
                    many, psi, starts, objective=objective, steps=40, target=target
                )
                best = grid_maximum(right, row, psi, 15 if quick else 60)
                words = f"grid's {objective} of {name} against the refined one"
                reached = max(right(row, psi, a)[0] for a in found.logits)
                outcomes.append(at_most(law, best, reached, RESOLVED, "what line searches leave", words))
                if objective == "elbo":
                    further = discrete_vae_exact.mean_field(many, psi, found.logits, sweeps=3, target=target)
                    outcomes += [
                        at_most(
                            law, after, before, RESOLVED, "what line searches leave", "mean field after it"
                        )
                        for before, after in zip(found.values[-1], further.values[-1], strict=True)
                    ]
    return combine(law, outcomes)


def check_m_step(quick=True, target="python"):
    """The M step raises the expected log joint, exactly or at its samples."""
    outcomes, law = [], "the M step raises what it ascends"
    for name, x, psi, logits in cases.models(quick, seeds=2):
        dice = np.random.default_rng(0).random((len(x), 3, logits.shape[1]))
        for uniform in (None, dice):
            moved = gradient_refinement.m_step(x, psi, logits, uniform=uniform, steps=2, target=target)
            on, off = cases.sigmoid(logits).sum(1)
            mid = psi._replace(prior_logits=np.log(on) - np.log(off))

            def value(at, x=x, logits=logits, uniform=uniform):
                if uniform is None:
                    return dv.expected_objective(x, at, logits, target).value
                return dv.sampled_objective(x, at, logits, uniform, target).value

            outcomes.append(
                compare(law, mid.prior_logits, moved.prior_logits, rounding(SIZE), "prior_logits")
            )
            rise = at_most(law, value(mid) + 1e-6, value(moved), 0.0, "exact", f"objective of {name} before")
            outcomes.append(rise)
        found = gradient_refinement.m_step(x, psi, logits, target=target)
        before, after = (
            math.fsum(cases.elbo(r, p, a).value for r, a in zip(x, logits, strict=True)) for p in (psi, found)
        )
        outcomes.append(at_most(law, before, after, SIZE * 2.0**-50, "8·u·S", f"ELBO of {name} before"))
    return combine(law, outcomes)


def check_auxiliary_step(quick=True, target="python"):
    """Auxiliary steps raise the objective and bring the net to mu* where it can get there: one datum."""
    outcomes, law = [], "auxiliary steps raise the objective and end at mu*"
    for name, x, psi, refined in cases.models(quick, names=FIRST if quick else None, seeds=2):
        theta = cases.recognition(psi, x)
        values = []
        for _ in range(4):
            values.append(math.fsum(dv.auxiliary(x, theta, refined, "log_q", target).value))
            theta = gradient_refinement.auxiliary_step(x, theta, refined, target=target)
        outcomes.append(em_law.never_decreases(values, SIZE, name=f"auxiliary objective of {name}"))
        outcomes.append(
            at_most(law, values[0] + 1e-6, values[-1], 0.0, "exact", "auxiliary objective before")
        )
        theta = gradient_refinement.auxiliary_step(x[:1], theta, refined[:1], steps=80, target=target)
        reached = cases.sigmoid(dv.recognise(x[:1], theta, target)[0])[0]
        outcomes.append(
            compare(law, cases.sigmoid(refined[0])[0], reached, rounding(2.0**27), f"q_theta of {name}")
        )
    return combine(law, outcomes)


def check_run(quick=True, target="python"):
    """A run: refined bounds above the net's, both below the log evidence of their parameters; the end is better."""
    outcomes, law = [], "the net's bound, the refined one and the log evidence are in order"
    for name, x, psi, _ in cases.models(quick, names=FIRST if quick else None, seeds=1):
        for options in ({}, {"objective": "surrogate"}, {"samples": 5}):
            run = gradient_refinement.run(
                x,
                psi,
                cases.recognition(psi, x),
                iterations=2 if quick else 8,
                target=target,
                **{"refinements": 4, **options},
            )
            for t in range(len(run.elbo_start)):
                if "objective" not in options:
                    outcomes.append(
                        em_law.gaps_add_up(
                            run.log_evidence[t], run.elbo_refined[t], run.elbo_start[t], magnitude=SIZE
                        )
                    )
                outcomes.append(
                    at_most(
                        law,
                        run.elbo_refined[t],
                        run.log_evidence[t],
                        SIZE * 2.0**-50,
                        "8·u·S",
                        f"ELBO of {name}",
                    )
                )
            if name.startswith("three"):
                words = f"log evidence of {name} at the start"
                outcomes.append(
                    at_most(law, run.log_evidence[0] + 1.0, run.log_evidence[-1], 0.0, "exact", words)
                )
    return combine(law, outcomes)


def check_references(quick=True, target="python"):
    """Mean-field sweeps and exact EM never lower what they ascend; the prior of the posterior is its mean."""
    outcomes, law = [], "mean field and exact EM never lower what they ascend"
    for name, x, psi, logits in cases.models(quick, seeds=1):
        sweeps = discrete_vae_exact.mean_field(x, psi, logits, sweeps=4, target=target)
        outcomes += [em_law.never_decreases(c, SIZE, name=f"ELBO of {name}") for c in sweeps.values.T]
        for n, row in enumerate(x):
            wanted = cases.elbo(row, psi, sweeps.logits[n]).value
            outcomes.append(compare(law, wanted, sweeps.values[-1, n], rounding(SIZE), "ELBO at the end"))
        run = discrete_vae_exact.exact_em(x, psi, iterations=2 if quick else 12, target=target)
        outcomes.append(em_law.never_decreases(run.log_evidence, SIZE, name=f"log evidence of {name}"))
        fields = discrete_vae_exact.mean_field_em(x, psi, iterations=2 if quick else 12, target=target)
        outcomes.append(em_law.never_decreases(fields.elbo, SIZE, name=f"mean-field ELBO of {name}"))
        outcomes += [
            at_most(law, low, high, SIZE * 2.0**-50, "8·u·S", "mean-field ELBO")
            for low, high in zip(fields.elbo, fields.log_evidence, strict=False)
        ]
        posteriors = [
            enumeration.posterior(lambda h, r=row, p=psi: cases.log_joint(h, r, p), cases.states(psi))
            for row in x
        ]
        on = np.mean(np.array(posteriors) @ cases.states(psi), axis=0)
        found = discrete_vae_exact.prior_of_weights(dv.joint_table(x, psi, target))
        outcomes.append(compare(law, on, cases.sigmoid(found)[0], rounding(SIZE), "prior of the posterior"))
    return combine(law, outcomes)


def check_estimate(quick=True, target="python"):
    """The sampled gradient summed over all tuples of samples is the exact gradient of the ELBO."""
    outcomes, law = [], "the sampled gradient has the exact gradient as its mean"
    for _, x, psi, logits in cases.models(quick, seeds=1):
        corners = cases.states(psi)
        q = enumeration.probabilities(lambda h, a=logits: cases.log_q(h, a[0]), corners)
        noise = [uniforms(h, logits[0]) for h in corners]
        exact = dv.elbo(x[:1], psi, logits[:1])
        for samples in (1, 2):
            pairs = enumeration.tuple_weights(np.log(q), samples)
            draws = np.array([[noise[s] for s in chosen] for chosen, _ in pairs])
            # Every tuple is a datum of one call.
            many = np.tile(x[0], (len(pairs), 1)), np.tile(logits[0], (len(pairs), 1))
            found = bernoulli_refinement.estimate(many[0], psi, many[1], draws, target)
            weights = [weight for _, weight in pairs]
            mean = [
                math.fsum(w * v for w, v in zip(weights, column, strict=True))
                for column in np.column_stack([found.elbo, found.grad_logits]).T
            ]
            wanted = (exact.elbo, exact.grad_logits[0])
            tolerance = rounding(2.0 * SIZE)
            outcomes.append(
                compare(
                    law, wanted, (np.array(mean[:1]), np.array(mean[1:])), tolerance, f"mean of {samples}"
                )
            )
    return combine(law, outcomes)


def check_targets(quick=True, target="python"):
    """The kernels of the estimator and of the coordinate ascent on a target against plain Python."""
    plain, other, outcomes = get_target("python"), get_target(target), []
    for _, x, psi, logits in cases.models(quick, names=("three bits",), seeds=1):
        latents, work = len(psi.prior_logits), density.workspace_size(psi)
        noise = Noise(np.random.default_rng(0).random((len(x), 3, latents)))
        table = Table(dv.joint_table(x, psi))
        for kernel, inputs, sizes in (
            (
                bernoulli_refinement.refinement_row,
                (psi, Data(x), Q(logits), noise),
                (len(x), 1 + latents, 3 * (latents + 3) + work),
            ),
            (discrete_vae_exact.coordinate_row, (table, Q(logits)), (len(x), latents, 2**latents)),
        ):
            magnitude = SIZE * (1.0 + np.abs(plain.rows(kernel, inputs, *sizes)))
            outcomes.append(
                check_target_agreement(plain, other, "rows", kernel, inputs, *sizes, magnitude=magnitude)
            )
    return combine(LAW, outcomes)


def _entry(name, kind, thing):
    return Entry(name, kind, "S0", thing)


ENTRIES = [
    _entry("algorithms.gradient_refinement", "algorithm", gradient_refinement.run),
    _entry("algorithms.gradient_refinement.refine", "algorithm", gradient_refinement.refine),
    _entry("algorithms.gradient_refinement.m_step", "algorithm", gradient_refinement.m_step),
    _entry("algorithms.gradient_refinement.auxiliary_step", "algorithm", gradient_refinement.auxiliary_step),
    _entry("algorithms.discrete_vae_exact", "algorithm", discrete_vae_exact),
    _entry("estimators.bernoulli_refinement", "estimator", bernoulli_refinement.estimate),
]

LEFT = "64·2^-40, what line searches that stop at rounding leave"
SAME_BITS = "equal bits on python, cpu and the simulator; 64·u·S on a device, whose library rounds otherwise"


def _row(subject, words, tolerance, run, targets=BOTH):
    return Evidence("S0", subject, words, tolerance, run, targets)


EVIDENCE = [
    _row("algorithms.gradient_refinement.refine", "no step lowers the objective", "8·u·S", check_refine),
    _row(
        "algorithms.gradient_refinement.refine",
        "the best start beats every point of a grid",
        LEFT,
        check_optimum,
    ),
    _row("algorithms.gradient_refinement.m_step", "it raises what it ascends", "8·u·S", check_m_step),
    _row(
        "algorithms.gradient_refinement.auxiliary_step",
        "it raises the objective and ends at mu*",
        "8·u·S; 1e-7 for the end",
        check_auxiliary_step,
    ),
    _row("algorithms.gradient_refinement", "bounds and log evidence are in order", "8·u·S", check_run),
    _row("algorithms.discrete_vae_exact", "no step lowers what it ascends", "8·u·S", check_references),
    _row("algorithms.discrete_vae_exact", LAW, SAME_BITS, check_targets, ALL),
    _row(
        "estimators.bernoulli_refinement",
        "its mean over all samples is the exact gradient",
        "8·u·S",
        check_estimate,
        ALL,
    ),
]
