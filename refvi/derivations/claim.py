"""What a source document says: a formula exactly as printed, and beside it a correction or a condition.

A document is a file in `refvi.derivations.sources`; its claims are functions of a small model's attributes that return
the two sides of what is printed, in the document's own order, every sign a visible operator:

    D9 = Source("009_example.txt", prefix="d9", system="S1")

    @D9.claim("eq-3", "2.1", "log p(x) >= E_q[log p(x,z) + log q(z)]", relation=">=", models=tables, expected="misprint")
    def eq_3(E, evidence, joint, q):
        return log(evidence), E(log(joint) + log(q))

    @eq_3.corrected("log p(x) >= E_q[log p(x,z) - log q(z)]", slip="the line above has log p(x,z)/q(z)")
    def _(E, evidence, joint, q):
        return log(evidence), E(log(joint) - log(q))

Not here: the verdict; it is computed (`verdict`) and never stored: `expected` only lets a test notice a change.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from refvi.errors import UsageError


class Undefined(ValueError):
    """A printed formula that has no value, e.g. a vector where a covariance matrix is needed."""


@dataclass
class Claim:
    """One row of the ledger.

    id          dotted name, e.g. "d1.eq-kl-closed-form"
    says        the claim, as readable text
    printed     function of a model's attributes -> (left, right), exactly as the document has it
    relation    =, <=, >= or !=
    models      draws -> a small model
    tight       name of a model method: there the bound must be attained (for <= and >=)
    question    True for an open question of the document
    condition   (text, function of a model's attributes -> bool): where the claim holds
    correction  (text, function like `printed`)
    slip        where the document itself has it right: what makes a misprint of a false formula
    """

    id: str
    source: str
    section: str
    system: str
    says: str
    printed: Callable
    models: Callable
    relation: str
    expected: str
    derivation: str | None
    tight: str | None
    question: bool
    condition: tuple | None = field(default=None)
    correction: tuple | None = field(default=None)
    slip: str = ""

    def when(self, text):
        """State where the claim holds."""

        def add(function):
            self.condition = (text, function)
            return function

        return add

    def corrected(self, text, slip=""):
        """State the right formula, and for a misprint where the document has it right."""

        def add(function):
            self.correction, self.slip = (text, function), slip
            return function

        return add


class Source:
    """A document: file name, prefix of its claims' ids, the system that most of them belong to."""

    def __init__(self, file, prefix, system):
        self.file, self.prefix, self.system = file, prefix, system
        self.claims = []

    def claim(
        self,
        name,
        section,
        says,
        *,
        models,
        expected="holds",
        relation="=",
        derivation=None,
        tight=None,
        question=False,
        system=None,
    ):
        """Register what is printed; the decorated function becomes a `Claim`."""

        def add(printed):
            id = f"{self.prefix}.{name}"
            if any(c.id == id for c in self.claims):
                raise UsageError(f"a claim's name must be new, got {id!r} twice")
            made = Claim(
                id,
                self.file,
                section,
                system or self.system,
                says,
                printed,
                models,
                relation,
                expected,
                derivation,
                tight,
                question,
            )
            self.claims.append(made)
            return made

        return add
