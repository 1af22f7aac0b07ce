"""What a Markov chain and its moves must obey: detailed balance, reversibility, volume, energy, and what draws are worth.

Subjects: transition matrices; log acceptances as functions of two points; flows (q, p) -> (q, p); statistics of draws.
Nothing here is a sample: on a finite chain, at a pair of points, or at one point of phase space every law is exact.
Not here: whether draws have a distribution (`sampler`).
"""

import math

import numpy as np

from refvi.laws.compare import UNIT_ROUNDOFF, Tolerance, compare, rounding
from refvi.laws.outcome import Outcome, combine
from refvi.oracles import differences

FACTOR = 8.0
SAFETY = 4.0


def rows_have_mass_one(transition, *, name="transition"):
    """From every state the chain goes somewhere, and no probability is negative.

    Formula     sum_j P_ij = 1 within 8·u·S, S the number of states;  P_ij >= 0
    Shapes      transition (S, S)
    Checked by  tests/laws/test_markov.py
    """
    law = "every row has mass one"
    transition = np.asarray(transition, dtype=np.float64)
    mass = np.array([math.fsum(row) for row in transition])
    outcomes = [compare(law, np.ones(len(mass)), mass, rounding(float(len(mass))), f"mass of {name}")]
    low = transition.min()
    if not low >= 0.0:
        at = ", ".join(str(i) for i in np.unravel_index(int(np.argmin(transition)), transition.shape))
        outcomes.append(Outcome(law, math.inf, 1, f"{name}[{at}]: expected a probability, actual {low:.17g}"))
    return combine(law, outcomes)


def is_stationary(transition, target, *, name="target"):
    """The target stays as it is.

    Formula     |(piᵀ P)_j - pi_j| <= 8·u·S_j,  S_j = S (sum_i pi_i P_ij + pi_j), S the number of states
    Shapes      transition (S, S), target (S,) of mass one
    Checked by  tests/laws/test_markov.py
    """
    target, transition = np.asarray(target), np.asarray(transition)
    moved = np.array([math.fsum(column) for column in (target[:, None] * transition).T])
    size = (np.abs(target) @ np.abs(transition) + target) * len(target)
    return compare("the target is stationary", target, moved, rounding(size), f"{name} after one step")


def is_balanced(transition, target, *, magnitude=0.0, name="flow"):
    """As much flows from i to j as back.

    Formula     |pi_i P_ij - pi_j P_ji| <= 8·u·S, S = (4 + magnitude) (pi_i P_ij + pi_j P_ji)
    Shapes      transition (S, S), target (S,)
    Domain      `magnitude`: the largest logarithm whose exponential is a probability here
    Source      Kelly 1979, Reversibility and Stochastic Networks, section 1.2
    Checked by  tests/laws/test_markov.py
    """
    flow = np.asarray(target)[:, None] * np.asarray(transition)
    size = (4.0 + magnitude) * (np.abs(flow) + np.abs(flow.T))
    return compare("detailed balance", flow.T, flow, rounding(size), name)


def is_balanced_at(log_target, log_proposal, log_acceptance, pairs, *, magnitude=0.0, name="flow"):
    """Detailed balance of a continuous chain at pairs of points, and no acceptance smaller than it has to be.

    Formula     log pi(x) + log g(y | x) + log A(y | x) = log pi(y) + log g(x | y) + log A(x | y);
                max(A(y | x), A(x | y)) = 1
    Shapes      log_target(x) -> (), log_proposal(y, x) -> () of y given x, log_acceptance(y, x) -> (); pairs of points
    Domain      within 8·u·S, S the sum of the absolute terms plus `magnitude`, that of what they are made from
    Source      Hastings 1970, section 2.2; Peskun 1973, section 2.2, for the largest acceptance
    Checked by  tests/laws/test_markov.py
    """
    law, outcomes = "detailed balance at a pair of points", []
    for number, (x, y) in enumerate(pairs):
        out = [log_target(x), log_proposal(y, x), log_acceptance(y, x)]
        back = [log_target(y), log_proposal(x, y), log_acceptance(x, y)]
        size = rounding(magnitude + sum(abs(float(t)) for t in out + back))
        forward, backward = math.fsum(out), math.fsum(back)
        outcomes.append(compare(law, backward, forward, size, f"log {name} at pair {number}"))
        largest = max(float(out[2]), float(back[2]))
        outcomes.append(compare(law, 0.0, largest, size, f"larger log acceptance of {name} at pair {number}"))
    return combine(law, outcomes)


def is_reversible(flow, q, p, *, magnitude, name="flow"):
    """A flow followed by a flip of the momentum undoes itself.

    Formula     F(F(q, p)) = (q, p),  F = flip · flow, flip(q, p) = (q, -p)
    Shapes      flow(q, p) -> (q, p), each (D,); magnitude: S of the rounding after both ways
    Source      Neal 2011, section 5.3.2, arXiv:1206.1901v1
    Checked by  tests/laws/test_markov.py
    """
    q, p = np.asarray(q, dtype=np.float64), np.asarray(p, dtype=np.float64)
    there_q, there_p = flow(q, p)
    back_q, back_p = flow(np.asarray(there_q), -np.asarray(there_p))
    expected, actual = {"position": q, "momentum": p}, {"position": back_q, "momentum": -np.asarray(back_p)}
    return compare("the flow is reversible", expected, actual, rounding(magnitude), f"{name} there and back")


def preserves_volume(flow, q, p, *, name="flow"):
    """The Jacobian determinant of a flow on phase space is one.

    Formula     |det d(q', p') / d(q, p) - 1| <= sum_ij |cofactor_ij| 4 error_ij + 8·u·S, columns by differences
    Shapes      flow(q, p) -> (q, p), each (D,)
    Source      Neal 2011, section 5.2.2, arXiv:1206.1901v1
    Checked by  tests/laws/test_markov.py
    """
    point = np.concatenate([np.ravel(q), np.ravel(p)]).astype(np.float64)
    matrix, error = _jacobian(flow, point)
    determinant = float(np.linalg.det(matrix))
    cofactors = np.abs(determinant * np.linalg.inv(matrix).T)
    size = float((cofactors * (SAFETY * error + FACTOR * UNIT_ROUNDOFF * np.abs(matrix))).sum())
    tolerance = Tolerance(size, "cofactors times 4 errors of the differences")
    return compare("the flow keeps volume", 1.0, determinant, tolerance, f"Jacobian determinant of {name}")


def _jacobian(flow, point):
    """Jacobian of a flow at a point of phase space, column by column, with the error of every entry."""
    half, columns = len(point) // 2, []
    for j in range(len(point)):

        def along(t, j=j):
            moved = point.copy()
            moved[j] = t
            return np.concatenate([np.ravel(part) for part in flow(moved[:half], moved[half:])])

        columns.append(differences.jacobian(along, point[j]))
    return np.array([c[0] for c in columns]).T, np.array([c[1] for c in columns]).T


def energy_error_is_second_order(flow_of, energy, q, p, step_size, steps, *, halvings=4, name="energy error"):
    """Over a fixed time the error of the energy falls like the square of the step size.

    Formula     |H(end) - H(start)| ~ ε²: the slope of its logarithm between the two smallest of ε, ε/2, ε/4, ... lies
                within 0.15 of 2
    Shapes      flow_of(step_size, steps) -> flow; energy(q, p) -> ()
    Domain      a point where the term of order ε² does not vanish, and ε small enough for the third to be small
    Source      Neal 2011, section 5.2.3, arXiv:1206.1901v1
    Checked by  tests/laws/test_markov.py
    """
    law, start, errors = "the energy error is of second order", float(energy(q, p)), []
    for halving in range(halvings + 1):
        end = flow_of(step_size / 2**halving, steps * 2**halving)(q, p)
        errors.append(abs(float(energy(*end)) - start))
    if not (errors[-1] > 0.0 and errors[-2] > 0.0):
        return Outcome(
            law, math.nan, 1, f"{name}: expected to fall, actual {errors[-2]:.3g}, {errors[-1]:.3g}"
        )
    slope = math.log2(errors[-2] / errors[-1])
    return compare(law, 2.0, slope, Tolerance(0.15, "the next order at this step size"), f"slope of {name}")


def worth_does_not_depend(statistic, draws, *, magnitude=1.0, name="statistic"):
    """What draws are worth depends neither on units, nor on the order of the chains, nor on the direction of time.

    Formula     s(a x + b) = s(x), a also negative;  s(chains permuted) = s(x);  s(each chain reversed) = s(x)
    Shapes      statistic(draws) -> (), draws (C, N)
    Domain      within 8·u·S, S = N C magnitude |s|: sums of N products
    Checked by  tests/laws/test_markov.py
    """
    law = "what draws are worth is invariant"
    draws = np.asarray(draws, dtype=np.float64)
    here = float(statistic(draws))
    size = rounding(draws.size * magnitude * abs(here))
    changed = {
        "in other units": -4.0 * draws,
        "shifted": draws + 2.0,
        "with the chains in reverse order": draws[::-1],
        "in reverse time": draws[:, ::-1],
    }
    return combine(
        law,
        [compare(law, here, float(statistic(x)), size, f"{name} {words}") for words, x in changed.items()],
    )


def worth_is_draws_over_time(worth, draws, time, *, spread, name="effective sample size"):
    """Draws of a stationary chain are worth their number over the integrated autocorrelation time.

    Formula     |log(worth · tau / (C N))| <= 6 spread; false alarms below 1e-8 where the logarithm is normal
    Shapes      worth () of draws (C, N), time () the exact tau
    Domain      spread: standard error of log tau, sqrt(2 (2 M + 1) / (C N)) for M lags summed
    Source      Geyer 1992, Statistical Science 7, section 2; Sokal 1997, "Monte Carlo methods in statistical mechanics",
                section 3 (spread)
    Checked by  tests/laws/test_markov.py
    """
    size = float(np.size(draws))
    tolerance = Tolerance(6.0 * spread, "6 standard errors of log tau")
    actual = math.log(worth * time / size) if worth > 0.0 else math.nan
    return compare("draws are worth N / tau", 0.0, actual, tolerance, f"log of {name} · tau / N")
