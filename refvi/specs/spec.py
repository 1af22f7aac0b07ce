"""The type of a spec: a named quantity that others implement, with its conventions, reference and mistakes.

An author writes mathematics only: `reference` gives the terms of the answer in the canonical convention, `gradient` the
derivative of their total, each mistake a wrong variant of either. Conventions, tolerances, cases and messages are
not the author's business; see refvi/specs/kl.py for how a spec reads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from refvi.specs import conventions as conv
from refvi.specs.generic import DRAWS
from refvi.specs.sized import Sized, expand, lower, sized


class Input(NamedTuple):
    """One named array that an implementation receives.

    name    canonical name; a standard deviation's name is "std" or ends with "_std" and follows the `scale` convention
    axes    letters, one per axis, e.g. "B D"; equal letters have equal sizes
    domain  a key of refvi.specs.generic.DRAWS: real, noise, positive, scale, probability, simplex, binary, ...
    says    one phrase for `refvi show`
    """

    name: str
    axes: str
    domain: str
    says: str = ""


class Mistake(NamedTuple):
    """A wrong variant that people really write.

    slug   its name
    says   what it does, in words that continue "it ..."
    seen   citations: issue, pull request or thread; ("derived",) where none is public
    wrong  inputs -> terms or array (value mistakes), or dict of gradients (gradient mistakes)
    of     "value" or "gradient"
    """

    slug: str
    says: str
    seen: tuple
    wrong: Callable
    of: str = "value"


@dataclass
class Spec:
    """A quantity that other people implement.

    id           dotted name in standard terms
    says         what it is, one sentence
    inputs       named arrays, canonical convention
    output       axes of every term of the reference, e.g. "B D"
    reference    inputs -> {term: Sized}; the value is their sum, reduced by the conventions
    gradient     inputs -> {input: Sized}: derivative of the total over all output axes of the terms; None where the spec
                 asks for no gradient; {input: {term: Sized}} where a diagnosis may speak of its terms
    conventions  admitted conventions with their defaults
    only         "value" where `reference` is the answer; "gradient" where `gradient` is (an estimator's gradient)
    sizes        axis letter -> sizes to draw from; distinct primes by default
    least        axis letter -> smallest legal size, 1 by default
    source       author year, equation, arXiv id with version
    edges        () -> {name: inputs}: legal inputs off generic position, canonical convention
    draw         (rng, sizes) -> inputs, where the domains are not enough
    mistakes     slug -> Mistake, filled by the decorator `mistake`
    relatives    slug -> Mistake that is none: other valid answers, filled by the decorator `relative`
    """

    id: str
    says: str
    inputs: tuple
    output: str
    reference: Callable
    gradient: Callable | None = None
    conventions: dict = field(default_factory=dict)
    only: str = "value"
    sizes: dict = field(default_factory=dict)
    least: dict = field(default_factory=dict)
    source: str = ""
    edges: Callable = dict
    draw: Callable | None = None
    mistakes: dict = field(default_factory=dict)
    relatives: dict = field(default_factory=dict)

    def mistake(self, slug, *, says, seen=("derived",), of="value"):
        """Decorator: add a wrong variant under a slug."""

        def add(wrong):
            self.mistakes[slug] = Mistake(slug, says, tuple(seen), wrong, of)
            return wrong

        return add

    def relative(self, slug, *, says, declare=None, of="gradient"):
        """Decorator: add another valid answer, say an estimator with the same mean; `declare` is its own spec's id."""
        where = f"; declare it: @refvi.implements({declare!r})" if declare else ""

        def add(right):
            self.relatives[slug] = Mistake(slug, f"another valid estimator: it {says}{where}", (), right, of)
            return right

        return add

    # ---- names and cases

    @property
    def wrt(self):
        """Canonical names of the inputs that the gradient covers, in order."""
        return tuple(i.name for i in self.inputs if i.domain in DIFFERENTIABLE) if self.gradient else ()

    def written(self, declared):
        """Canonical name -> the name handed over under the declared scale."""
        scale = declared.get("scale")
        return {
            i.name: conv.written_name(i.name, scale) if i.domain == "scale" and scale else i.name
            for i in self.inputs
        }

    def draw_case(self, rng, declared, sizes=None):
        """One case in generic position, as handed over: written name -> array; axis sizes are drawn unless given."""
        sizes = sizes or self.draw_sizes(rng)
        if self.draw:
            return self.write(self.draw(rng, sizes), declared)
        names, case = self.written(declared), {}
        for i in self.inputs:
            domain = (
                conv.SCALES[declared["scale"]].domain
                if i.domain == "scale" and "scale" in declared
                else i.domain
            )
            case[names[i.name]] = DRAWS[domain](rng, tuple(sizes[a] for a in i.axes.split()))
        return case

    def draw_sizes(self, rng):
        """A size for every axis letter, all different where that can be."""
        letters = sorted({a for i in self.inputs for a in i.axes.split()})
        sizes = {}
        for letter in letters:
            free = [s for s in self.sizes.get(letter, (2, 3, 5, 7)) if s not in sizes.values()]
            sizes[letter] = int(rng.choice(free or list(self.sizes[letter])))
        return sizes

    def write(self, canonical, declared):
        """Canonical inputs as handed over under the declared scale."""
        names, scale = self.written(declared), conv.SCALES[declared.get("scale", "std")]
        return {
            names[i.name]: np.asarray(
                scale.from_std(canonical[i.name]) if i.domain == "scale" else canonical[i.name],
                dtype=np.float64,
            )
            for i in self.inputs
        }

    def canonical(self, case, declared):
        """The handed arrays back in canonical form: canonical name -> Sized or array."""
        names, scale = self.written(declared), conv.SCALES[declared.get("scale", "std")]
        return {
            i.name: scale.to_std(case[names[i.name]]) if i.domain == "scale" else case[names[i.name]]
            for i in self.inputs
        }

    # ---- answers

    def answer(self, case, declared):
        """Every quantity of the reference for one case: {"value": Sized, "grad.mu": Sized, ...}."""
        inputs, answer = self.canonical(case, declared), {}
        if self.only == "value":
            answer["value"] = self.finish(self.reference(**inputs), inputs, declared)
        if self.gradient:
            answer.update(self.finish_gradient(self.gradient(**inputs), case, inputs, declared))
        return answer

    def terms(self, case, declared):
        """The terms of the value, each reduced by the declared conventions: {term: Sized}."""
        terms = self.reference(**self.canonical(case, declared))
        return {
            name: self._reduced(t, declared) for name, t in terms.items() if name not in conv.drops(declared)
        }

    def total_gradient(self, **inputs):
        """The gradient of the reference with its terms summed: {input: Sized}."""
        return {name: total(g) for name, g in self.gradient(**inputs).items()}

    def gradient_terms(self, case, declared):
        """The terms of each gradient: {"grad.mu": {term: Sized}}; empty where the spec's gradient has no named terms."""
        inputs = self.canonical(case, declared)
        gradients = self.gradient(**inputs) if self.gradient else {}
        found = {}
        for term in dict.fromkeys(t for g in gradients.values() if isinstance(g, dict) for t in g):
            part = {name: g[term] for name, g in gradients.items() if isinstance(g, dict) and term in g}
            for q, array in self.finish_gradient(part, case, inputs, declared).items():
                found.setdefault(q, {})[term] = array
        return found

    def finish(self, terms, inputs, declared):
        """Terms, or the array of a mistake, as the declared conventions want to see them."""
        dropped = conv.drops(declared)
        if isinstance(terms, dict):
            kept = {name: t for name, t in terms.items() if name not in dropped}
            return self._reduced(total(kept), declared)
        answer = self._reduced(sized(terms), declared)
        if dropped:
            reference = self.reference(**inputs)
            for name in dropped:
                constant = self._reduced(reference[name], declared)
                answer = answer - constant if constant.shape == answer.shape else answer
        return answer

    def _reduced(self, a, declared):
        axes, a = self.output.split(), sized(a)
        kept = [
            x for x in axes if declared.get({v: k for k, v in conv.AXIS_OF.items()}.get(x), "none") == "none"
        ]
        if a.ndim == len(axes):
            a, _ = conv.reduce(a, axes, declared)
        elif a.ndim == 1 and "B" in axes and "B" not in kept:
            a, _ = conv.reduce(a, ["B"], declared)
        return conv.rescale(a, conv.factor(declared))

    def finish_gradient(self, gradients, case, inputs, declared):
        """Gradients by canonical input as the declared conventions want to see them: {"grad.log_var": Sized}."""
        names, scale = self.written(declared), conv.SCALES[declared.get("scale", "std")]
        by, sizes = conv.factor(declared), self.sizes_of(case, declared)
        for convention, letter in conv.AXIS_OF.items():
            if letter in self.output.split() and declared.get(convention) == "mean":
                by = by / sizes[letter]
        answer = {}
        for i in self.inputs:
            if i.name in gradients:
                g = total(gradients[i.name])
                if i.domain == "scale" and declared.get("scale", "std") != "std":
                    g = g * scale.slope(case[names[i.name]], inputs[i.name])
                g = _existing(PROJECTIONS.get(i.domain, sized)(g))
                answer[f"grad.{names[i.name]}"] = conv.rescale(g, by)
        return answer

    def comparable(self, quantities, expected, declared):
        """An implementation's arrays as they can be compared with the expected ones.

        A gradient is projected on the directions in which its input may move (`PROJECTIONS`), and is not compared where
        the expected one does not exist (NaN), at an edge of the domain.
        """
        names, found = self.written(declared), dict(quantities)
        for i in self.inputs:
            q = f"grad.{names[i.name]}"
            if q in found and q in expected and np.shape(found[q]) == expected[q].shape:
                g = PROJECTIONS[i.domain](found[q]).value if i.domain in PROJECTIONS else found[q]
                found[q] = np.where(np.isnan(expected[q].value), np.nan, g)
        return found

    def sizes_of(self, case, declared):
        """Axis letter -> size, read off a case."""
        names = self.written(declared)
        return {
            a: n
            for i in self.inputs
            for a, n in zip(i.axes.split(), np.shape(case[names[i.name]]), strict=True)
        }


def total(terms):
    """The sum of named terms, or the array itself."""
    return (
        sum((sized(t) for t in terms.values()), start=Sized(0.0)) if isinstance(terms, dict) else sized(terms)
    )


def _existing(g):
    return Sized(np.where(np.isfinite(g.value), g.value, np.nan), np.where(np.isfinite(g.size), g.size, 0.0))


def _centred(g):
    g = sized(g)
    return g - expand(g.mean(-1), -1)


DIFFERENTIABLE = (
    "real",
    "scale",
    "positive",
    "logarithm",
    "probability",
    "log_weights",
    "simplex",
    "cholesky",
)
# What a function does off its domain is its own business: above the diagonal, away from the simplex.
PROJECTIONS = {"cholesky": lower, "simplex": _centred}
