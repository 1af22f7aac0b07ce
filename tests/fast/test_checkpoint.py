import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.fast.checkpoint import Checkpoint, fingerprint
from refvi.fast.pieces import Memory

ROWS = np.array([[0.1, -0.0], [np.inf, 5e-324], [1 / 3, np.nextafter(1, 2)]])


def test_what_was_stored_comes_back_to_the_last_bit(tmp_path):
    path = tmp_path / "kept"
    with Checkpoint(path, "a") as file:
        kept = file.table("t", 5, 2)
        assert kept.missing().tolist() == [0, 1, 2, 3, 4]
        kept.store(np.array([3, 1]), ROWS[:2])
        kept.store(np.array([4]), ROWS[2:])
        assert kept.missing().tolist() == [0, 2]
    with Checkpoint(path, "a") as file:
        again = file.table("t", 5, 2)
        assert again.missing().tolist() == [0, 2]
        assert again.rows[[3, 1, 4]].tobytes() == ROWS.tobytes()


@pytest.mark.parametrize("lost", [1, 2, 10, 40])
def test_a_line_cut_short_is_computed_again(tmp_path, lost):
    path = tmp_path / "kept"
    with Checkpoint(path, "a") as file:
        kept = file.table("t", 3, 2)
        kept.store(np.array([0]), ROWS[:1])
        kept.store(np.array([1]), ROWS[1:2])
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    with Checkpoint(path, "a") as file:
        kept = file.table("t", 3, 2)
        assert kept.missing().tolist() == ([2] if lost == 1 else [1, 2])  # a lost newline loses nothing
        kept.store(np.array([2]), ROWS[2:])
    with Checkpoint(path, "a") as file:
        kept = file.table("t", 3, 2)
        assert kept.missing().tolist() == ([] if lost == 1 else [1])
        assert kept.rows[2].tobytes() == ROWS[2].tobytes()


def test_a_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "kept"
    with Checkpoint(path, "a") as file:
        kept = file.table("t", 2, 2)
        kept.store(np.array([0]), ROWS[:1])
    damaged = bytearray(path.read_bytes())
    damaged[-10] ^= 1
    path.write_bytes(damaged)
    with Checkpoint(path, "a") as file:
        kept = file.table("t", 2, 2)
        assert kept.missing().tolist() == [0, 1]


def test_another_computation_is_refused(tmp_path):
    path = tmp_path / "kept"
    Checkpoint(path, "a").file.close()
    with pytest.raises(UsageError, match="must belong to the same computation"):
        Checkpoint(path, "b")


def test_fingerprints_see_values_shapes_and_order():
    a, b = np.arange(4.0), np.arange(4.0).reshape(2, 2)
    names = {fingerprint(*parts) for parts in ([a], [b], [a, b], [b, a], [a, 1], [a + 1e-16], [-a])}
    assert len(names) == 7
    assert fingerprint(a) == fingerprint(a.copy())


def test_tables_of_other_names_and_sizes_are_kept_apart(tmp_path):
    path = tmp_path / "kept"
    with Checkpoint(path, "a") as file:
        file.table("t", 3, 2).store(np.array([0]), ROWS[:1])
        file.table("u", 3, 2).store(np.array([1]), ROWS[1:2])
    with Checkpoint(path, "a") as file:
        found = [
            file.table(*of).missing().tolist() for of in (("t", 3, 2), ("u", 3, 2), ("t", 2, 2), ("t", 3, 1))
        ]
    assert found == [[1, 2], [0, 2], [0, 1], [0, 1, 2]]


def test_memory_keeps_what_it_is_given_and_no_longer():
    with Memory() as memory:
        table = memory.table("t", 3, 2)
        table.store(np.array([1]), ROWS[:1])
        assert table.missing().tolist() == [0, 2]
        assert memory.table("t", 3, 2).missing().tolist() == [0, 1, 2]


@pytest.mark.parametrize("place", ["missing/kept", ""])
def test_a_place_that_cannot_be_written_is_named(tmp_path, place):
    with pytest.raises(UsageError, match="checkpoint must be a file that can be written, got"):
        Checkpoint(tmp_path / place, "a")
