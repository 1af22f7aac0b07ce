"""The summary of goals, from records that are written by hand."""

import pytest

from refvi.bench.goals import judge_goals
from refvi.bench.tables import goals_table


def record(*rows):
    defaults = {"verdict": "agrees", "threads": 1, "values": [], "kind": "evidence"}
    return {
        "rows": [
            defaults | dict(zip(("task", "contender", "median"), row[:3])) | dict(*row[3:]) for row in rows
        ]
    }


def goal(found, what):
    (row,) = [row for row in judge_goals(found) if row["what"] == what]
    return row


@pytest.mark.parametrize(("own", "verdict"), [(0.5e-3, "aim"), (0.9e-3, "floor"), (1.1e-3, "missed")])
def test_more_is_better_for_ratios(own, verdict):
    task = "evidence K=20 D=16"
    row = goal(
        record((task, "refvi", own), (task, "torch", 0.1), (task, "jax", 0.2)), "evidence / fastest plain"
    )
    assert row["verdict"] == verdict
    assert row["worst"] == pytest.approx(0.1 / own)


@pytest.mark.parametrize(("seconds", "verdict"), [(0.3, "aim"), (0.39, "floor"), (0.5, "missed")])
def test_less_is_better_for_times(seconds, verdict):
    assert goal(record(("evidence K=30 D=16", "refvi", seconds)), "K=30 D=16")["verdict"] == verdict


def test_the_worst_place_is_judged_and_named():
    rows = [
        (f"evidence K={K} D=16", name, t)
        for K, t in ((20, 0.2), (22, 0.1))
        for name, t in (("jax", t), ("refvi", 1e-3))
    ]
    row = goal(record(*rows), "evidence / fastest plain")
    assert (row["worst"], row["best"]) == (pytest.approx(100.0), pytest.approx(200.0))
    assert "worst: evidence K=22 D=16, 1 thr" in row["measured"]


def test_one_that_disagrees_does_not_count():
    task = "evidence K=20 D=16"
    rows = (task, "refvi", 1e-3), (task, "torch", 0.1, {"verdict": "disagrees"})
    assert goal(record(*rows), "evidence / fastest plain")["verdict"] == "not measured"


def test_errors_are_judged_by_the_largest():
    rows = [
        (f"accuracy K={K}", "balls", 1.0, {"kind": "accuracy", "values": [v, None]})
        for K, v in ((10, 0.2), (12, 3.0))
    ]
    assert goal(record(*rows), "log p off ball arithmetic")["verdict"] == "missed"
    assert goal(record(*rows), "gradient off ball arithmetic")["verdict"] == "not measured"


def test_goals_without_numbers_are_counted():
    text = goals_table(judge_goals(record(("evidence K=30 D=16", "refvi", 0.3))))
    assert "K=30 D=16  0.3 s" in text
    assert text.endswith("goals were not measured")
