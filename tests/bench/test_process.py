import os

import numpy as np
import pytest

from refvi.bench.problems import network
from refvi.bench.process import ContenderFailed, Process, numbers
from tests.bench import fake_contenders as fakes

REQUEST = {"kind": "evidence", "sizes": {"K": 3, "D": 2}, "values": True}


@pytest.fixture
def started(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    running = []

    def start(body, threads=1, **more):
        running.append(Process(fakes.fake(tmp_path, "one", body, **more), threads))
        return running[-1]

    yield start
    for process in running:
        process.close()


def test_numbers_arrive_to_the_last_bit_whatever_is_printed(started):
    answer = started(fakes.CHATTY).ask(REQUEST, 30.0)
    given = network(3, 2)
    np.testing.assert_array_equal(numbers(answer), [given.W.sum(), *given.b])
    assert len(answer["seconds"]) == 1
    assert answer["seconds"][0] > 0.0


def test_a_burst_goes_on_until_it_is_long_enough(started):
    answer = started(fakes.RIGHT).ask(REQUEST | {"least": 0.001, "values": False}, 30.0)
    assert sum(answer["seconds"][:-1]) < 0.001 or len(answer["seconds"]) == 5
    assert sum(answer["seconds"]) >= 0.001 or len(answer["seconds"]) == 2000
    assert "values" not in answer


@pytest.mark.parametrize(("call", "calls"), [(0.002, 5), (0.3, 1)])
def test_a_burst_has_some_calls_unless_they_take_long(started, call, calls):
    body = f"import time\ndef prepare(problem):\n    return lambda: time.sleep({call})\n"
    answer = started(body).ask(REQUEST | {"least": 0.001, "values": False}, 30.0)
    assert len(answer["seconds"]) == calls


def test_an_answer_comes_when_the_work_behind_it_is_done(started):
    process = started(fakes.BUSY)
    assert [numbers(process.ask(REQUEST, 30.0))[0] for _ in range(3)] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_fixed_before_anything_is_imported(started, threads):
    if len(os.sched_getaffinity(0)) < threads:
        threads = 1
    answer = started(fakes.THREADS, threads).ask(REQUEST, 30.0)
    np.testing.assert_array_equal(numbers(answer), [threads] * 3)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (fakes.THROWS, "ValueError: no such size"),
        (fakes.DIES, "process ended with code 3"),
        (fakes.GREEDY, "out of memory"),
    ],
)
def test_failures_have_their_reason(started, body, says):
    with pytest.raises(ContenderFailed, match=says):
        started(body).ask(REQUEST, 30.0)


def test_a_call_that_never_ends_is_ended(started):
    process = started(fakes.HANGS)
    with pytest.raises(ContenderFailed, match=r"longer than 0\.2 s"):
        process.ask(REQUEST, 0.2)
    assert process.child.poll() is not None


def test_a_module_that_cannot_be_imported_fails_at_once(started):
    with pytest.raises(ContenderFailed, match="process ended with code 1"):
        started("import a_library_that_is_not_there\nprepare = None")


def test_memory_of_a_call_is_measured(started):
    body = "import numpy\ndef prepare(problem):\n    return lambda: (numpy.ones(1 << 22).sum(),)\n"
    process = started(body)
    assert process.ask(REQUEST, 30.0)["memory"] is None
    memory = process.ask(REQUEST | {"memory": True}, 30.0)["memory"]
    if memory is None:
        pytest.skip("the system does not tell")
    assert 0.9 * (1 << 25) < memory < 1.5 * (1 << 25)
