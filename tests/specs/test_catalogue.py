"""Over all specs: the reference passes, under every convention; every mistake is caught and called by its own name."""

import itertools
import re

import numpy as np
import pytest

import refvi
from refvi.checking.selftest import planted, reference
from refvi.specs import all_specs, get_spec
from refvi.specs import conventions as conv
from refvi.specs.generic import DRAWS

SPECS = all_specs()
MISTAKES = [(i, slug) for i, spec in SPECS.items() for slug in spec.mistakes]
OPTIONS = [
    (i, name, option)
    for i, spec in SPECS.items()
    for name in spec.conventions
    for option in conv.OPTIONS[name]
    if option != spec.conventions[name]
]


def test_the_catalogue_is_not_empty():
    assert len(SPECS) >= 20
    assert len(MISTAKES) >= 100
    assert len({slug for _, slug in MISTAKES}) >= 50


@pytest.mark.parametrize("spec_id", SPECS)
def test_reference_passes(spec_id):
    spec = SPECS[spec_id]
    refvi.check(spec_id, reference(spec), cases=25, framework="numpy").raise_if_failed()


@pytest.mark.parametrize(("spec_id", "slug"), MISTAKES)
def test_mistake_is_caught_and_named(spec_id, slug):
    spec = SPECS[spec_id]
    report = refvi.check(spec_id, planted(spec, spec.mistakes[slug]), cases=12, framework="numpy")
    assert report.verdict == "FAIL"
    assert report.mistake == slug, f"{slug} is called {report.mistake}: {report.message}"
    assert report.seen == spec.mistakes[slug].seen


@pytest.mark.parametrize(("spec_id", "name", "option"), OPTIONS)
def test_reference_passes_under_every_convention(spec_id, name, option):
    spec = SPECS[spec_id]
    declared = {**spec.conventions, name: option}

    def implementation(**case):
        return {q: a.value for q, a in spec.answer(case, declared).items()}

    report = refvi.check(spec_id, implementation, cases=5, framework="numpy", **{name: option})
    assert report.passed, report.text()


@pytest.mark.parametrize(("spec_id", "slug"), MISTAKES)
def test_mistake_reads_well(spec_id, slug):
    """One clause that continues "it ...", and citations of the form owner/repository#number, or "derived"."""
    mistake = get_spec(spec_id).mistakes[slug]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert not mistake.says.endswith(".")
    assert len(mistake.says.split()) >= 4
    first = mistake.says.split()[0].rstrip(",:")
    assert first.endswith("s"), f"{slug}: 'it {mistake.says}' must start with a verb"
    for citation in mistake.seen:
        assert citation == "derived" or re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", citation), citation


@pytest.mark.parametrize("spec_id", SPECS)
def test_spec_is_complete(spec_id):
    spec = SPECS[spec_id]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z_]+", spec.id)
    assert spec.says
    assert re.search(r"\d{4}", spec.source), "the source has a year"
    assert len(spec.mistakes) >= 5
    assert set(spec.conventions) <= set(conv.OPTIONS)
    assert all(i.domain in DRAWS for i in spec.inputs)
    assert len({i.name for i in spec.inputs}) == len(spec.inputs)


@pytest.mark.parametrize("spec_id", SPECS)
def test_generic_answers_are_finite(spec_id):
    spec = SPECS[spec_id]
    declared = dict(spec.conventions)
    for seed in range(10):
        answer = spec.answer(spec.draw_case(np.random.default_rng(seed), declared), declared)
        assert answer
        for name, array in answer.items():
            assert np.all(np.isfinite(array.value)), name
            assert np.all(np.isfinite(array.size)), name


# ---- what a convention means, said a second time

STD_BY_WRITTEN = {
    "var": lambda s: 1 / (2 * s),
    "log_std": lambda s: s,
    "log_var": lambda s: s / 2,
    "precision": lambda s: -(s**3) / 2,
}
WRITTEN = {
    "var": lambda s: s**2,
    "log_std": np.log,
    "log_var": lambda s: 2 * np.log(s),
    "precision": lambda s: s**-2.0,
}


def reduced(full, option, axis):
    return {"none": full, "sum": full.sum(axis), "mean": full.mean(axis)}[option]


@pytest.mark.parametrize(
    ("spec_id", "name", "option"), [o for o in OPTIONS if o[1] in ("scale", "sign", "units")]
)
def test_scale_sign_and_units(spec_id, name, option):
    spec = SPECS[spec_id]
    default = {**spec.conventions, **({"scale": "std"} if "scale" in spec.conventions else {})}
    case = spec.draw_case(np.random.default_rng(8), default)
    scales = {i.name for i in spec.inputs if i.domain == "scale"}
    before = spec.answer(case, default)
    if name == "scale":
        handed = {
            k[:-3] + option if k in scales else k: WRITTEN[option](v) if k in scales else v
            for k, v in case.items()
        }
    else:
        handed = case
    after = spec.answer(handed, {**default, name: option})
    by = {"sign": -1.0, "units": 1 / np.log(2)}.get(name, 1.0)
    for q, array in before.items():
        written, factor = q, by
        if name == "scale" and q.removeprefix("grad.") in scales:
            written, factor = q[:-3] + option, STD_BY_WRITTEN[option](case[q.removeprefix("grad.")])
        gap = np.abs(after[written].value - factor * array.value)
        assert np.all(gap <= 16 * 2.0**-53 * (after[written].size + np.abs(factor) * array.size + 1e-300)), q


@pytest.mark.parametrize("spec_id", [i for i, s in SPECS.items() if s.only == "value"])
def test_reductions(spec_id):
    """Every combination of reductions is that of the unreduced value; gradients follow the value."""
    spec = SPECS[spec_id]
    reductions = [n for n in ("samples", "batch", "latents") if n in spec.conventions]
    none = {**spec.conventions, **dict.fromkeys(reductions, "none")}
    case = spec.draw_case(np.random.default_rng(9), none)
    full = spec.answer(case, none)
    assert full["value"].shape == tuple(spec.sizes_of(case, none)[a] for a in spec.output.split())
    for options in itertools.product(*(conv.OPTIONS[n] for n in reductions)):
        chosen = dict(zip(reductions, options, strict=True))
        want, per_gradient = full["value"].value, 1.0
        for letter in reversed(spec.output.split()):
            convention = {v: k for k, v in conv.AXIS_OF.items()}.get(letter)
            if convention in chosen:
                axis = spec.output.split().index(letter)
                per_gradient /= want.shape[axis] if chosen[convention] == "mean" else 1
                want = reduced(want, chosen[convention], axis)
        found = spec.answer(case, {**none, **chosen})
        assert found["value"].value == pytest.approx(want, rel=1e-12, abs=1e-12)
        for q in (q for q in full if q != "value"):
            assert found[q].value == pytest.approx(full[q].value * per_gradient, rel=1e-12)
