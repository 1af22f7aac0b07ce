"""Rung 3: is the gradient that came back the derivative of the value that came back? Taylor remainders decide, no tolerance.

R(h) = |f(x + h d) - f(x) - h <g, d>| falls like h² for the derivative and like h for anything else.
"""

import numpy as np

HALVINGS = 9
FIRST = 1e-2


def slope_verdict(run, case):
    """A sentence for the report, or None where the implementation returned no gradient or rounding hides the slope."""
    expected = run.reference(case)
    answer = run.answer(case, expected).quantities
    gradients = {q.removeprefix("grad."): answer[q] for q in answer if q.startswith("grad.")}
    if "value" not in answer or not gradients:
        return None
    rng = np.random.default_rng(7)
    directions = {k: rng.normal(size=g.shape) for k, g in gradients.items()}
    slope = float(sum((gradients[k] * directions[k]).sum() for k in gradients))
    remainders = _remainders(run, case, expected, answer, directions, slope)
    orders = np.log2(remainders[:-1] / remainders[1:]) if len(remainders) > 3 else np.array([])
    for order in (orders[i : i + 3] for i in range(len(orders) - 2)):
        if np.all(order >= 1.8):
            return (
                "your gradient is the derivative of your value: the formula is wrong, not its differentiation"
            )
        if np.all(order <= 1.2):
            return "your gradient is not the derivative of your value either"
    return None


def _remainders(run, case, expected, answer, directions, slope):
    at = float(answer["value"].sum())
    floor = 30 * 2.0**-53 * float(sum(e.size.sum() + np.abs(e.value).sum() for e in (expected["value"],)))
    found = []
    for n in range(HALVINGS):
        h = FIRST / 2**n
        moved = {**case.inputs, **{k: case.inputs[k] + h * d for k, d in directions.items()}}
        value = float(run.answer(case._replace(inputs=moved), expected).quantities["value"].sum())
        remainder = abs(value - at - h * slope)
        if not remainder > floor:
            break
        found.append(remainder)
    return np.array(found)
