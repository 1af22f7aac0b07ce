"""Evidence for the discrete VAE: enumeration with `math.fsum` over probabilities, differences, corners of the cube."""

import math

import numpy as np

from refvi.laws import bound, gradient, model
from refvi.laws.compare import at_most, compare, of_answer, rounding
from refvi.laws.outcome import combine
from refvi.laws.target import LAW, check_target_agreement
from refvi.models import discrete_vae as dv
from refvi.models.discrete_vae import bounds, density, recognition, steps
from refvi.models.discrete_vae.parameters import Data, Noise, Q, Table
from refvi.models.parameters import like, size
from refvi.oracles import enumeration
from refvi.registry import discrete_vae_cases as cases
from refvi.registry.entry import Entry, Evidence
from refvi.targets import get_target

ALL = ("python", "cpu", "cuda")
SIZE = cases.SIZE


def check_log_joint(quick=True, _target="python"):
    """The log joint is the sum of its terms at corners and inside the cube; all of it has mass one."""
    outcomes = []
    for name, x, psi, logits in cases.models(quick):
        scratch = np.zeros(density.workspace_size(psi))
        for h in [*cases.states(psi), *cases.sigmoid(logits)[0]]:
            terms = cases.joint_terms(h, x[0], psi)
            found = dv.log_joint(h, x[0], psi, scratch)
            tolerance = rounding(4.0 + 2.0 * math.fsum(map(abs, terms)))
            outcomes.append(compare("value", math.fsum(terms), found, tolerance, f"log_joint, {name}"))
        xs = enumeration.binary_states(x.shape[1]).astype(float)
        outcomes.append(
            model.total_mass_is_one(
                lambda x, h, p=psi, s=scratch: dv.log_joint(h, x, p, s),
                xs,
                cases.states(psi),
                name=f"log_joint, {name}",
            )
        )
    return combine("log joint is the product of its factors on the cube, mass one on its corners", outcomes)


def check_log_joint_gradient(quick=True, _target="python"):
    """Gradients of the log joint in Psi and in the point, inside the cube; the Jacobian of the decoder."""
    outcomes = []
    for _, x, psi, logits in cases.models(quick, seeds=2):
        h, flat, by_h = cases.sigmoid(logits[0])[0], np.zeros(size(psi)), np.zeros(logits.shape[1])
        dv.log_joint_back(h, x[0], psi, 1.0, flat, by_h, np.zeros(density.workspace_size(psi)))
        options = {"quick": quick, "magnitude": SIZE}
        outcomes += [
            cases.differentiated(
                lambda p, h=h, x=x: cases.log_joint(h, x[0], p),
                like(psi, flat),
                psi,
                name="grad_psi of log_joint",
                **options,
            ),
            cases.differentiated(
                lambda h, x=x, p=psi: cases.log_joint(h, x[0], p),
                by_h,
                h,
                name="grad_h of log_joint",
                **options,
            ),
        ]
        jacobian = dv.decoder_jacobian(h, psi)[0]
        for i, row in enumerate(jacobian):
            outcomes.append(
                cases.differentiated(
                    lambda h, i=i, p=psi: cases.means(h, p)[0][i],
                    row,
                    h,
                    name=f"jacobian row {i}",
                    quick=quick,
                )
            )
    return combine(gradient.DERIVATIVE, outcomes)


def check_evidence(quick=True, target="python"):
    """Log evidence by enumeration, and its gradient by Fisher's identity and by differences."""
    outcomes = []
    for _, x, psi, _ in cases.models(quick, seeds=2):
        found = dv.log_evidence(x, psi, target)
        corners = cases.states(psi)
        for row, value in zip(x, found.log_evidence, strict=True):
            outcomes.append(
                model.log_evidence_is_sum(value, lambda h, r=row, p=psi: cases.log_joint(h, r, p), corners)
            )

        def total(p, x=x, corners=corners):
            return math.fsum(
                enumeration.log_evidence(lambda h, r=r: cases.log_joint(h, r, p), corners).value for r in x
            )

        outcomes.append(
            cases.differentiated(total, found.grad_psi, psi, name="grad_psi of log_evidence", quick=quick)
        )
    return combine("log evidence is the sum, its gradient the derivative", outcomes)


def check_elbo(quick=True, target="python"):
    """Exact ELBO: value, divergence as its gap, gradients in the logits, in the means and in Psi."""
    outcomes = []
    for name, x, psi, logits in cases.models(quick):
        x, logits = (x[:1], logits[:1]) if quick else (x, logits)
        found, by_psi = dv.elbo(x, psi, logits, target), dv.grad_elbo_psi(x, psi, logits, target)
        answers = [cases.elbo(row, psi, a) for row, a in zip(x, logits, strict=True)]
        for row, a, answer, value in zip(x, logits, answers, found.elbo, strict=True):
            outcomes.append(compare("value", answer.value, value, of_answer(answer, 16.0), f"elbo of {name}"))
            outcomes.append(
                bound.gap_is_divergence(
                    value,
                    lambda h, r=row, p=psi: cases.log_joint(h, r, p),
                    lambda h, a=a: cases.log_q(h, a),
                    cases.states(psi),
                )
            )
        outcomes += [
            cases.differentiated(
                lambda a, x=x, p=psi: cases.elbo_value(x[0], p, a),
                found.grad_logits[0],
                logits[0],
                name="grad_logits of elbo",
                quick=quick,
            ),
            cases.differentiated(
                lambda m, x=x, p=psi: cases.elbo_value(x[0], p, np.log(m) - np.log1p(-m)),
                found.grad_means[0],
                cases.sigmoid(logits[0])[0],
                name="grad_means of elbo",
                quick=quick,
                magnitude=SIZE,
                domain={"": (0.0, 1.0)},
            ),
        ]
        if not quick or len(psi.bias_hidden):

            def total(p, x=x, logits=logits):
                return math.fsum(cases.elbo_value(r, p, a) for r, a in zip(x, logits, strict=True))

            outcomes.append(cases.differentiated(total, by_psi, psi, name="grad_psi of elbo", quick=quick))
    return combine("exact ELBO by enumeration, its gap, and all gradients", outcomes)


def check_surrogate(quick=True, target="python"):
    """The surrogate: value, gradients in the logits, in the means and in Psi."""
    outcomes = []
    for name, x, psi, logits in cases.models(quick):
        found = dv.surrogate(x, psi, logits, target)
        for row, a, value in zip(x, logits, found.surrogate, strict=True):
            wanted, terms = cases.surrogate(row, psi, a)
            outcomes.append(compare("value", wanted, value, rounding(terms, 16.0), f"surrogate of {name}"))

        def total(p, x=x, logits=logits):
            return math.fsum(cases.surrogate(r, p, a)[0] for r, a in zip(x, logits, strict=True))

        options = {"quick": quick, "magnitude": SIZE}
        outcomes += [
            cases.differentiated(
                lambda a, x=x, p=psi: cases.surrogate(x[0], p, a)[0],
                found.grad_logits[0],
                logits[0],
                name="grad_logits of surrogate",
                **options,
            ),
            cases.differentiated(
                lambda m, x=x, p=psi: cases.surrogate(x[0], p, np.log(m) - np.log1p(-m))[0],
                found.grad_means[0],
                cases.sigmoid(logits[0])[0],
                name="grad_means of surrogate",
                domain={"": (0.0, 1.0)},
                **options,
            ),
            cases.differentiated(total, found.grad_psi, psi, name="grad_psi of surrogate", **options),
        ]
    return combine("log p(x, mu) + H(q) and all its gradients", outcomes)


def check_gap(quick=True, target="python"):
    """Surrogate = ELBO at the corners and where the log likelihood is linear; above it where that is concave."""
    outcomes, law = [], "surrogate equals the ELBO where it must and exceeds it where it must"
    for name, x, psi, logits in cases.models(quick):
        for corner in cases.states(psi)[: 2 if quick else None]:
            found = dv.gap(x, psi, np.tile(1600.0 * (corner - 0.5), (len(x), 1)), target)
            magnitude = [math.fsum(map(abs, cases.joint_terms(corner, row, psi))) for row in x]
            tolerance = rounding(4.0 + np.array(magnitude))
            outcomes.append(compare(law, np.zeros(len(x)), found, tolerance, f"gap of {name} at a corner"))
        found = dv.gap(x, psi, logits, target)
        if name in cases.CONCAVE:
            outcomes += [
                at_most(law, 0.0, value, SIZE * 2.0**-50, "8·u·S", f"0 against the gap of {name}")
                for value in found
            ]
        if name == "noisy OR":
            dark = dv.gap(np.zeros_like(x), psi, logits, target)
            outcomes.append(
                compare(law, np.zeros(len(x)), dark, rounding(SIZE), "gap of a noisy OR at x = 0")
            )
        flat = psi._replace(weights_out=0.0 * psi.weights_out)
        outcomes.append(
            compare(
                law, np.zeros(len(x)), dv.gap(x, flat, logits, target), rounding(SIZE), "gap of no weights"
            )
        )
    return combine(law, outcomes)


def check_targets(quick=True, target="python"):
    """Every kernel on a target against plain Python."""
    plain, other, outcomes = get_target("python"), get_target(target), []
    for name, x, psi, logits in cases.models(quick, names=("three bits", "noisy OR"), seeds=1):
        latents, observed = len(psi.prior_logits), x.shape[1]
        work, parameters, count = density.workspace_size(psi), size(psi), len(x)
        data, q, theta = Data(x), Q(logits), cases.recognition(psi, x)
        table = Table(bounds.joint_table(x, psi))
        one = Data(x[:1]), Table(table.values[:1])
        inside = steps.Points(cases.sigmoid(logits)[0])
        noise = Noise(np.random.default_rng(0).random((count, 3, latents)))
        dice = steps.Points(np.random.default_rng(1).random((3, latents + observed)))
        runs = [
            ("rows", bounds.joint_row, (psi, data), (count * 2**latents, 1, latents + work)),
            ("rows", bounds.elbo_row, (table, q), (count, 1 + 2 * latents, 2**latents + latents)),
            (
                "rows",
                bounds.surrogate_row,
                (psi, data, q),
                (count, 1 + 2 * latents + parameters, 2 * latents + work),
            ),
            (
                "states",
                bounds.weighted_state,
                (psi, *one),
                (2**latents, 1 + parameters, 2 * latents + work),
            ),
            (
                "pairs",
                steps.sampled_pair,
                (psi, data, q, noise),
                (count, 3, 1 + parameters, 2 * latents + work),
            ),
            ("rows", steps.jacobian_row, (psi, inside), (count, observed * latents, work)),
            ("rows", steps.ancestral_row, (psi, dice), (3, latents + observed, work)),
        ]
        if name == "three bits":
            width = 1 + latents + size(theta)
            orders = [recognition.auxiliary_row(kernel) for kernel in recognition.KERNELS.values()]
            runs += [
                ("rows", bounds.log_q_row, q, (count * 2**latents, 1, latents)),
                ("rows", steps.prior_row, q, (latents, 1)),
                ("rows", recognition.recognise_row, (theta, data), (count, latents)),
                *(("rows", kernel, (theta, data, q), (count, width)) for kernel in orders),
            ]
        if quick and target == "cpu":  # compilation is what costs; the other laws compile the rest
            runs = [run for run in runs if run[1] in (bounds.elbo_row, bounds.surrogate_row)]
        for schedule, kernel, inputs, sizes in runs:
            magnitude = SIZE * (1.0 + np.abs(getattr(plain, schedule)(kernel, inputs, *sizes)))
            outcomes.append(
                check_target_agreement(plain, other, schedule, kernel, inputs, *sizes, magnitude=magnitude)
            )
    return combine(LAW, outcomes)


def _entry(name, kind, thing):
    return Entry(f"models.discrete_vae{name}", kind, "S0", thing)


ENTRIES = [
    _entry("", "model", dv),
    _entry(".log_joint", "model", dv.log_joint),
    _entry(".decoder_jacobian", "model", dv.decoder_jacobian),
    _entry(".log_evidence", "model", dv.log_evidence),
    _entry(".elbo", "objective", dv.elbo),
    _entry(".surrogate", "objective", dv.surrogate),
    _entry(".gap", "objective", dv.gap),
]

SAME_BITS = "equal bits on python, cpu and the simulator; 64·u·S on a device, whose library rounds otherwise"
DIFFERENCES = "4 times the differences' own error estimate"
MIXED = f"8·u·S; {DIFFERENCES}"


def _row(name, words, tolerance, run, targets=ALL):
    return Evidence("S0", f"models.discrete_vae{name}", words, tolerance, run, targets)


ONE = ("python",)
EVIDENCE = [
    _row("", LAW, SAME_BITS, check_targets),
    _row(".log_joint", "product of its factors on the cube, mass one", "8·u·S", check_log_joint, ONE),
    _row(".log_joint", "gradients are derivatives", DIFFERENCES, check_log_joint_gradient, ONE),
    _row(".decoder_jacobian", "it is the derivative of f", DIFFERENCES, check_log_joint_gradient, ONE),
    _row(".log_evidence", "it is the sum, its gradient the derivative", MIXED, check_evidence),
    _row(".elbo", "value, gap KL(q || posterior), all gradients", MIXED, check_elbo),
    _row(".surrogate", "value and all gradients", MIXED, check_surrogate),
    _row(
        ".gap", "zero at corners and for linear likelihoods, not below zero for concave", "8·u·S", check_gap
    ),
]
