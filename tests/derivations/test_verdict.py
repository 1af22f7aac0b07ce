"""The rules of the verdict on invented claims about (a + b)², and the row that each gives."""

from types import SimpleNamespace

import pytest

from refvi.derivations import ledger, verdict
from refvi.derivations.claim import Source, Undefined
from refvi.derivations.numbers import approximate
from refvi.derivations.symbols import distance, symbols, symbols_changed
from refvi.errors import UsageError


class Pair(SimpleNamespace):
    def twin(self):
        return Pair(a=self.a, b=self.a)


def pairs(draws):
    return Pair(a=draws.real(0.1, 2.0), b=draws.real(0.1, 2.0) * draws.integer(0, 1))


def source():
    return Source("999_invented.txt", prefix="d9", system="core")


def square(a, b):
    return (a + b) ** 2, a**2 + 2 * a * b + b**2


def slip(a, b):
    return (a + b) ** 2, a**2 - 2 * a * b + b**2


def nonsense(a, b):
    return (a + b) ** 2, b / 3


def short(a, b):
    return (a + b) ** 2, a**2 + b**2


def larger(a, b):
    return a + b, a


def made(printed, correction=None, condition=None, slip="", **options):
    claim = source().claim("x", "1", "says", models=pairs, **options)(printed)
    if correction:
        claim.corrected("right", slip=slip)(correction)
    if condition:
        claim.when("b is 0")(condition)
    return claim


@pytest.mark.parametrize(
    ("claim", "word", "evidence"),
    [
        (made(square), "holds", "true on 12 models, worst error"),
        (made(slip, square, slip="line 2"), "misprint", "; 1 symbol differs; a slip: line 2"),
        (made(slip, square), "wrong", "; 1 symbol differs"),
        (made(nonsense, square, slip="line 2"), "error", "called a slip, but"),
        (made(slip, nonsense, slip="line 2"), "error", "so is the correction"),
        (made(nonsense, square), "wrong", "symbols differ"),
        (made(slip, nonsense), "error", "printed is false"),
        (made(slip), "error", "false, and no correction is known"),
        (made(short, condition=lambda b: b == 0), "depends", "true where b is 0"),
        (made(short, condition=lambda b: b != 0), "error", "false although b is 0"),
        (made(short, condition=lambda b: False), "error", "the condition tells nothing apart"),
        (made(square, question=True), "settled", "yes: true on 12 models"),
        (made(nonsense, question=True), "settled", "no: "),
        (made(nonsense, square, question=True), "settled", "no: printed: "),
        (made(nonsense, slip, question=True), "error", "so is the correction"),
        (made(short, condition=lambda b: b == 0, question=True), "settled", "only there: true where"),
        (made(short, square, lambda b: b == 0, question=True), "settled", "only there: true where"),
        (made(short, nonsense, lambda b: b == 0, question=True), "error", "so is the correction"),
        (made(short, question=True), "error", "sometimes true, sometimes false"),
        (made(lambda a, b: (a + b, a), relation=">="), "holds", "never violated"),
        (made(lambda a, b: (a + b, a - 1), relation=">="), "holds", "never violated"),
        (made(larger, short, relation=">=", tight="twin"), "error", "so is the correction"),
        (made(lambda a, b: (a**2 + b**2, 2 * a * b), relation=">=", tight="twin"), "holds", ""),
        (made(lambda a, b: (a**2 + b**2, 2 * a * b - 1), relation=">=", tight="twin"), "error", "is false"),
        (made(lambda a, b: (a + b, a - b - 1), relation="!="), "holds", "≠"),
        (made(lambda a, b: (a, approximate(a, 1.0))), "error", "the numbers decide nothing"),
    ],
)
def test_rules(claim, word, evidence):
    found = verdict.judge(claim)
    assert found.word == word, found
    assert evidence in found.evidence


def test_an_undefined_formula_is_false_and_a_crash_is_a_loud_row():
    def undefined(a, b):
        raise Undefined("a covariance must be a matrix")

    def crash(a, b):
        raise ZeroDivisionError("by hand")

    found = verdict.judge(made(undefined, square))
    assert found.word in ("misprint", "wrong")
    assert "[a covariance must be a matrix] is false" in found.evidence
    row = ledger.judge(made(crash, square))
    assert row["verdict"] == "error"
    assert row["evidence"] == "could not be run: ZeroDivisionError: by hand"


def test_a_row_has_the_keys_of_the_ledger():
    row = ledger.judge(made(slip, square, derivation="elbo.forms"))
    assert tuple(row) == ledger.KEYS
    assert row["id"] == "d9.x"
    assert row["source"] == "999_invented.txt"
    assert (row["corrected"], row["derivation"], row["system"]) == ("right", "elbo.forms", "core")


def test_the_first_counterexample_is_the_smallest():
    models = verdict.small_models(made(square))
    sizes = [len(str(vars(m))) for m in models]
    assert sizes[0] == min(sizes)


def test_names_of_claims_are_new():
    document = source()
    document.claim("x", "1", "says", models=pairs)(square)
    with pytest.raises(UsageError, match="'d9.x' twice"):
        document.claim("x", "1", "says", models=pairs)(square)


def test_symbols_are_counted_without_brackets():
    assert symbols(short) == ["return", *["a", "+", "b", "**", "2", "a", "**", "2", "+", "b", "**", "2"]]
    assert symbols_changed(square, slip) == 1
    assert symbols_changed(square, square) == 0
    assert distance("kitten", "sitting") == 3
    assert distance("", "ab") == 2
