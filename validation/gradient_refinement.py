"""Does refinement from the recognition net's point raise the exact ELBO, and how far from it does the surrogate end?

Two parts, everything enumerated. Small models: from every corner's neighbourhood the E step climbs the exact ELBO, and the
surrogate log p(x, mu) + H(q) beside it; what the ELBO is worth at each one's best point, and whether the surrogate exceeds
log p(x). Digits, 8x8, black and white, 8 binary latents, logistic layer: the log evidence per digit along gradient-based
inference (on the ELBO, on the surrogate), a recognition net alone that ascends the ELBO, mean field and EM with the exact
posterior, all with the same M step.

One plot, validation/results/gradient_refinement.png. Exit code 1 where refinement on the ELBO lowers that of
a datum (small models) or of all of them (digits), a bound exceeds the log evidence, or exact EM or mean field lowers what
it ascends.
"""

import math
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from refvi.algorithms import discrete_vae_exact, gradient_refinement, line_search
from refvi.laws import em as law
from refvi.models import discrete_vae
from refvi.registry import discrete_vae_cases as small
from validation.records import RESULTS, record

DIGITS, LATENTS, ITERATIONS, DECODER_STEPS = 100, 8, 30, 2
SHOWN = {
    "exact EM": {"color": "0.75", "lw": 5.0},
    "mean field": {"color": "k", "lw": 1.6},
    "refined on the ELBO": {"color": "C0", "lw": 1.6, "ls": "--"},
    "refined on the surrogate": {"color": "C3", "lw": 1.6},
    "net alone, no refinement": {"color": "C1", "lw": 1.6, "ls": ":"},
}


# ---- small models


def on_small_models(quick):
    """Per model and datum: evidence, the best ELBO, the ELBO where the surrogate is best, the surrogate there."""
    rows = []
    for name in small.QUICK[-1:] if quick else small.MODELS:
        for seed in range(1 if quick else 5):
            x, psi = small.MODELS[name](seed)
            starts = 2.0 * (2.0 * small.states(psi) - 1.0)
            for n, datum in enumerate(x):
                many = np.tile(datum, (len(starts), 1))
                ends = {
                    o: gradient_refinement.refine(many, psi, starts, objective=o, steps=15 if quick else 60)
                    for o in gradient_refinement.OBJECTIVES
                }
                best = {o: int(found.values[-1].argmax()) for o, found in ends.items()}
                logits = ends["surrogate"].logits[best["surrogate"]]
                rows.append(
                    {
                        "model": name,
                        "seed": seed,
                        "datum": n,
                        "log_evidence": float(discrete_vae.log_evidence(datum, psi).log_evidence[0]),
                        "best_elbo": float(ends["elbo"].values[-1].max()),
                        "elbo_at_surrogate": float(discrete_vae.elbo(datum, psi, logits).elbo[0]),
                        "surrogate": float(ends["surrogate"].values[-1].max()),
                        "largest_move": float(
                            np.abs(sigmoid(logits) - sigmoid(ends["elbo"].logits[best["elbo"]])).max()
                        ),
                        "monotone": all(
                            law.never_decreases(c, small.SIZE).holds for c in ends["elbo"].values.T
                        ),
                    }
                )
    return rows


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


# ---- digits


def digits(quick):
    """Digits in black and white, (N, 64): the first ones of scikit-learn, or half of the twelve that are here."""
    if quick:
        return (np.loadtxt(FOLDER / "implementations" / "digits.csv", delimiter=",")[:6] > 7).astype(
            np.float64
        )
    from sklearn.datasets import load_digits

    return (load_digits().data[:DIGITS] > 7).astype(np.float64)


def start(x, latents):
    """A decoder that knows the mean image, small random weights, a recognition net that knows nothing."""
    rng = np.random.default_rng(0)
    mean = np.clip(x.mean(0), 0.02, 0.98)
    psi = discrete_vae.linear(
        0.5 * rng.normal(size=(64, latents)), np.log(mean) - np.log1p(-mean), np.zeros(latents)
    )
    return psi, discrete_vae.Recognition(np.zeros((latents, 64)), np.zeros(latents))


def net_alone(x, psi, theta, iterations, target):
    """The usual autoencoder: the net's parameters ascend the exact ELBO themselves, mu* is what the net says."""
    evidence, bound = [], []

    def total(net):
        return math.fsum(discrete_vae.elbo_of_table(table, discrete_vae.recognise(x, net), target).elbo)

    for _ in range(iterations):
        evidence.append(gradient_refinement.total_evidence(x, psi, target))
        table = discrete_vae.joint_table(x, psi, target)
        for _ in range(5):
            found = discrete_vae.elbo_of_table(table, discrete_vae.recognise(x, theta), target)
            slope = discrete_vae.Recognition(found.grad_logits.T @ x, found.grad_logits.sum(0))
            theta = line_search.armijo(total, theta, math.fsum(found.elbo), slope, first=4.0 / len(x))
        bound.append(total(theta))
        psi = gradient_refinement.m_step(
            x, psi, discrete_vae.recognise(x, theta), steps=DECODER_STEPS, target=target
        )
    evidence.append(gradient_refinement.total_evidence(x, psi, target))
    bound = np.array(bound)
    return gradient_refinement.RefinementRun(psi, theta, np.array(evidence), bound, bound)


def on_digits(x, latents, iterations, target):
    """Log evidence per digit along every algorithm, and the bounds of the E steps."""
    psi, theta = start(x, latents)
    options = {"iterations": iterations, "decoder": DECODER_STEPS, "target": target}
    runs = {
        "exact EM": discrete_vae_exact.exact_em(x, psi, **options),
        "mean field": discrete_vae_exact.mean_field_em(x, psi, **options),
    }
    for name, objective in (("refined on the ELBO", "elbo"), ("refined on the surrogate", "surrogate")):
        runs[name] = gradient_refinement.run(
            x, psi, theta, objective=objective, refinements=5, auxiliary=5, **options
        )
    runs["net alone, no refinement"] = net_alone(x, psi, theta, iterations, target)
    return runs


def digit_rows(runs, count):
    """One row per algorithm."""
    rows = []
    for name, run in runs.items():
        bound = run.elbo if hasattr(run, "elbo") else run.elbo_refined
        row = {
            "model": "digits",
            "algorithm": name,
            "start": float(run.log_evidence[0] / count),
            "end": float(run.log_evidence[-1] / count),
            "bound_at_end": float(bound[-1] / count),
            "log_evidence": [float(v) for v in run.log_evidence / count],
            "below_evidence": bool(np.all(bound <= run.log_evidence[:-1] + 1e-9 * np.abs(bound))),
        }
        if hasattr(run, "elbo"):
            climbed = run.log_evidence if name == "exact EM" else run.elbo
            row["monotone"] = law.never_decreases(climbed, magnitude=float(np.abs(climbed).max())).holds
        else:
            row["net_bound_at_end"] = float(run.elbo_start[-1] / count)
            row["raised_by_refinement"] = float((run.elbo_refined - run.elbo_start)[-1] / count)
            row["least_raise"] = float((run.elbo_refined - run.elbo_start).min() / count)
        rows.append(row)
    return rows


def plot(rows, found):
    """What the surrogate's optimum loses and claims on the small models; digits; digits as a distance from exact EM."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14.0, 4.0), constrained_layout=True)
    for colour, name in enumerate(small.MODELS):
        mine = [r for r in rows if r["model"] == name]
        lost = [max(r["best_elbo"] - r["elbo_at_surrogate"], 1e-12) for r in mine]
        claim = [r["surrogate"] - r["log_evidence"] for r in mine]
        left.plot(lost, claim, "o", color=f"C{colour}", label=name, ms=5, alpha=0.8)
    left.axhline(0.0, color="k", lw=0.8)
    left.set(
        xscale="log",
        xlabel="ELBO lost at the surrogate's optimum, nats",
        ylabel="surrogate at its optimum - log p(x), nats",
        title="small models: above 0 it bounds nothing",
    )
    left.legend(frameon=False, fontsize=8)
    best = np.array(found[0]["log_evidence"])
    for row in found:
        values, style = np.array(row["log_evidence"]), SHOWN[row["algorithm"]]
        middle.plot(values, label=row["algorithm"], **style)
        if row["algorithm"] != "exact EM":
            below = np.where(best > values, best - values, np.nan)
            right.plot(below, **style)
    middle.set(
        xlabel="iteration",
        ylabel="log evidence per digit, nats",
        title=f"{DIGITS} digits, {LATENTS} binary latents",
    )
    middle.legend(frameon=False, fontsize=8, loc="lower right")
    right.set(
        xlabel="iteration",
        yscale="log",
        ylabel="nats per digit below exact EM",
        title="below exact EM (missing: above it)",
    )
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "gradient_refinement.png", dpi=80)
    plt.close(figure)


def main(quick=False):
    """Run both parts, print the tables, draw the plot; 0 where nothing falls that must not."""
    rows = on_small_models(quick)
    for name in dict.fromkeys(r["model"] for r in rows):
        mine = [r for r in rows if r["model"] == name]
        lost = max(r["best_elbo"] - r["elbo_at_surrogate"] for r in mine)
        claim = max(r["surrogate"] - r["log_evidence"] for r in mine)
        moved = max(r["largest_move"] for r in mine)
        print(
            f"{name:<22} ELBO lost {lost:9.2e}   surrogate - log p(x) up to {claim:8.4f}   mu moved {moved:.4f}"
        )
    x = digits(quick)
    runs = on_digits(x, 2, 2, "python") if quick else on_digits(x, LATENTS, ITERATIONS, "cpu")
    found = digit_rows(runs, len(x))
    for r in found:
        gain = f"   raised by {r['raised_by_refinement']:.3f}" if "raised_by_refinement" in r else ""
        print(
            f"{r['algorithm']:<26} {r['start']:9.3f} -> {r['end']:9.3f}   bound {r['bound_at_end']:9.3f}{gain}"
        )
    holds = all(r["monotone"] for r in [*rows, *found] if "monotone" in r)
    holds &= all(r["below_evidence"] for r in found)
    holds &= all(r["best_elbo"] <= r["log_evidence"] + 1e-12 for r in rows)
    holds &= all(r["least_raise"] > 0.0 for r in found if r["algorithm"] == "refined on the ELBO")
    if not quick:
        plot(rows, found)
    return record("gradient_refinement", rows + found, bool(holds and math.isfinite(found[0]["end"])), quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
