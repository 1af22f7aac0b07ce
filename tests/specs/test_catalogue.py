"""Over all specs: the reference passes, under every convention; every mistake is caught and called by its own name."""

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
    assert spec.mistakes
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
