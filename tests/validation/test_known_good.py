"""No false alarm on what well-kept libraries compute. SciPy is always there; the others where they are installed."""

import pytest

from validation import known_good

ROWS = known_good.rows()


def test_scipy_is_among_the_libraries():
    assert sum(row.library == "scipy" for row in ROWS) >= 14


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.library} {row.name} {row.spec_id}")
def test_no_false_alarm(row):
    # a function that JAX cannot compile once for all shapes is slow: fewer cases there
    report = known_good.check_row(row, cases=8 if row.framework == "jax" else 40)
    assert known_good.verdict(row, report) != "ALARM", report.text()


def test_an_alarm_would_be_seen():
    import numpy as np

    wrong = known_good.Row(
        "scipy", "variance", "log_density.normal", lambda x, mu, std: -np.abs(x - mu) / std, {}
    )
    assert known_good.verdict(wrong, known_good.check_row(wrong, cases=8)) == "ALARM"
