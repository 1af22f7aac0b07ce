"""Does ArviZ agree on what draws are worth? Every kind of effective sample size and R-hat, on draws of every sort.

Autoregressions from antithetic to nearly stuck, with ties, with chains apart, of few draws and of many, and chains of
Metropolis-Hastings and Hamiltonian Monte Carlo on a Gaussian mixture. The tolerance is `FACTOR` u N k of the answer, for
the effective sample size times 1 + ESS/S: sums of N terms, and k = 1 + mean² / W, because ArviZ's compiled variance takes
the mean of squares less the square of the mean (Chan, Golub and LeVeque 1983: a relative error of N k u).

One difference is known and must stay what it is: where no draw differs from another ArviZ gives the number of draws,
refvi NaN (as Stan does), since nothing tells a stuck chain from a constant. The indicators behind the tail kind are such
draws where few come in, and these cases are counted apart. Then ArviZ is checked as if it were somebody's implementation
of the specs, which shows one more: its compiled variance takes the mean of squares less the square of the mean, so that
R-hat is off by 5e-5 of itself where draws are a million deviations from zero; with NumPy's variance it agrees there. Exit
code 1 on any other disagreement, and where a known one goes away.
"""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import refvi
from refvi.algorithms import chains, hamiltonian, metropolis_hastings
from refvi.algorithms import effective_sample_size as worth
from refvi.registry.mcmc_cases import mixture
from refvi.registry.mcmc_worth import autoregression
from validation.records import record

FACTOR, U, CASES = 8.0, 2.0**-53, 60
WORTH = {"plain": "identity", "split": "mean", "bulk": "bulk", "tail": "tail"}
R_HAT = {"plain": "identity", "split": "split", "rank": "rank"}
COEFFICIENTS = (-0.95, -0.5, 0.0, 0.5, 0.9, 0.99)
SHAPES = ((2, 8), (3, 9), (4, 21), (4, 100), (2, 1001), (4, 2500))


def arviz():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

    return arviz


def draws(quick):
    """Name and draws (C, N) of every case."""
    for seed in range(1 if quick else 5):
        for count, (c, n) in enumerate(SHAPES[:3] if quick else SHAPES):
            for a in COEFFICIENTS:
                x = autoregression(a, c, n, 100 * seed + count)
                yield "autoregressions", x
                yield "with ties", np.round(3.0 * x) / 3.0
                yield "chains apart", x + 0.5 * np.arange(c)[:, None]
                yield "heavy tails", np.sinh(3.0 * x)
    theta, (noise, uniforms) = mixture(1, 3, 2), chains.noise(0, 4, 300 if quick else 2000, 2, "cpu")
    given = (theta, np.zeros((4, 2)), noise, uniforms)
    walk = metropolis_hastings.random_walk(np.eye(2))
    for run in (
        metropolis_hastings.sample(*given, proposal=walk, target="cpu"),
        hamiltonian.sample(*given, step_size=0.5, steps=5, target="cpu"),
    ):
        yield "Metropolis-Hastings and Hamiltonian chains", run.positions[:, :, 0]
        yield "Metropolis-Hastings and Hamiltonian chains", run.positions[:, :, 1] ** 2


def condition(x, kind):
    """k of the draws that are summed: those themselves, normal scores, indicators of one in twenty."""
    if kind in ("bulk", "rank"):
        return 1.0
    if kind == "tail":
        return 1.0 + 0.95**2 / (0.95 * 0.05)
    chains = x if kind == "plain" else worth.split(x)
    return 1.0 + float((chains.mean(1) ** 2).max() / chains.var(1, ddof=1).mean())


def differences(x):
    """Every kind on both sides: (what, ours, theirs, difference over its tolerance)."""
    az = arviz()
    for kind, method in WORTH.items():
        ours = float(worth.effective_sample_size(x, kind=kind, target="cpu"))
        theirs = float(az.ess(x, method=method))
        allowed = FACTOR * U * x.shape[1] * condition(x, kind) * (1.0 + theirs / x.size) * abs(theirs)
        if kind == "tail" and ours != ours:
            yield "constant", ours, theirs, abs(tail_as_arviz(x) - theirs) / allowed
        else:
            yield f"effective sample size, {kind}", ours, theirs, abs(ours - theirs) / allowed
    for kind, method in R_HAT.items():
        ours, theirs = float(worth.r_hat(x, kind=kind, target="cpu")), float(az.rhat(x, method=method))
        allowed = FACTOR * U * x.shape[1] * condition(x, kind) * abs(ours)
        yield f"R-hat, {kind}", ours, theirs, abs(ours - theirs) / allowed


def tail_as_arviz(x):
    """The tail kind with the number of draws where an indicator is constant."""
    found = []
    for order in (0.05, 0.95):
        indicator = (x <= np.quantile(x, order)).astype(np.float64)
        part = float(worth.effective_sample_size(indicator, kind="split", target="cpu"))
        found.append(part if part == part else float(worth.split(x).size))
    return min(found)


def compare(quick):
    """Rows: sort of draws, quantity, how many cases, largest difference over its tolerance."""
    found = {}
    for sort, x in draws(quick):
        for what, ours, theirs, ratio in differences(x):
            if what == "constant":
                what = "effective sample size, tail, an indicator constant: ArviZ counts its draws, refvi NaN"
            row = found.setdefault((sort, what), {"draws": sort, "what": what, "cases": 0, "worst": 0.0})
            row["cases"] += 1
            row["worst"] = max(row["worst"], ratio) if ratio == ratio else np.inf
            if not ratio <= 1.0:
                print(f"DIFFERS {sort} {x.shape} {what}: ours {ours!r}, ArviZ {theirs!r}")
    return list(found.values())


def constants():
    """The known difference, as a row."""
    x = np.full((2, 10), 0.5)
    theirs, ours = float(arviz().ess(x)), float(worth.effective_sample_size(x))
    print(f"no draw differs: ArviZ {theirs:g}, refvi {ours}")
    stays = theirs == 20.0 and ours != ours
    return {
        "draws": "no draw differs",
        "what": "known difference: ArviZ gives N, refvi NaN",
        "cases": 1,
        "worst": 0.0 if stays else np.inf,
    }


EFFECTIVE, BULK, R = "mcmc.effective_sample_size", "mcmc.bulk_effective_sample_size", "mcmc.split_r_hat"
CONSTANT = ("FAIL", "ess-constant-draws-count", "edge: no draw differs")


def specs(quick):
    """ArviZ as somebody's implementation: (verdict, mistake, case) must be what is known."""
    az = arviz()
    from arviz.utils import Numba

    known = (
        (EFFECTIVE, "", lambda draws: float(az.ess(draws, method="mean")), CONSTANT),
        (BULK, "", lambda draws: float(az.ess(draws, method="bulk")), CONSTANT),
        (
            R,
            ", compiled variance",
            lambda draws: float(az.rhat(draws, method="split")),
            ("FAIL", None, "edge: far from zero"),
        ),
        (R, ", NumPy's variance", lambda draws: float(az.rhat(draws, method="split")), ("PASS", None, None)),
    )
    compiled = Numba.numba_flag
    for spec_id, words, function, wanted in known:
        if "NumPy" in words:
            Numba.disable_numba()
        report = refvi.check(spec_id, function, cases=15 if quick else CASES, framework="numpy")
        found = (report.verdict, report.mistake, report.case_name or None)
        if words == ", compiled variance" and not compiled:
            wanted = ("PASS", None, None)
        print(f"{spec_id + words:<44} {' '.join(str(part) for part in found if part)}")
        yield {
            "draws": spec_id + words,
            "what": "ArviZ under refvi check: " + " ".join(str(part) for part in found if part),
            "cases": report.cases,
            "worst": 0.0 if found == wanted else np.inf,
        }
    if compiled:
        Numba.enable_numba()


def main(quick=False):
    """Print the table, write the record; 0 where nothing disagrees."""
    rows = compare(quick)
    for row in rows:
        print(
            f"{row['draws']:<44} {row['what']:<32} {row['cases']:>4} cases, worst {row['worst']:.3g} of tolerance"
        )
    rows += [constants(), *specs(quick)]
    rows.append({"draws": "", "what": f"arviz {version('arviz')}", "cases": 0, "worst": 0.0})
    return record("mcmc_arviz", rows, all(row["worst"] <= 1.0 for row in rows), quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
