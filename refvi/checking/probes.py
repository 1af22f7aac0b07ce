"""Explanations that need no catalogue: conventions that were not declared, arguments misread."""

import itertools

import numpy as np

from refvi.checking.evidence import Hypothesis
from refvi.specs import conventions as conv
from refvi.specs.sized import exp, log, sized, sqrt

DIFFERENT_SIGNS = ("pyro-ppl/pyro#1982", "pyro-ppl/pyro#2798")  # of a value and its gradients


def probes(spec, declared, alone=False):
    """(kind, hypotheses) pairs; the kind is what the report prints where all of them are refuted.

    alone  the value is right, the gradients are not
    """
    yield "another convention", list(other_conventions(spec, declared, 1, alone))
    yield "axis order", list(_axis_orders(spec, declared))
    yield "swapped or negated arguments", list(_argument_probes(spec, declared))
    yield "another scale", list(_scale_probes(spec, declared))


def undeclared(spec, declared, count):
    """Every way to change `count` conventions at once: {name: option} of the changed ones."""
    free = {
        name: [option for option in conv.OPTIONS[name] if option != declared.get(name, default)]
        for name, default in spec.conventions.items()
        if name != "scale"
    }
    for names in itertools.combinations(free, count):
        for options in itertools.product(*(free[name] for name in names)):
            yield dict(zip(names, options, strict=True))


def written(changed):
    """Changed conventions as they are written in a decorator: sign='negative', batch='mean'."""
    return ", ".join(f"{name}={option!r}" for name, option in changed.items())


def other_conventions(spec, declared, count, alone=False):
    """The reference under `count` conventions that were not declared; gradients alone where the value is right."""
    word, were = ("convention", "was") if count == 1 else ("conventions", "were")
    for changed in undeclared(spec, declared, count):
        other = {**declared, **changed}
        declare = f"@refvi.implements({spec.id!r}, {written(changed)})"
        says = f"follows the {word} {written(changed)}, which {were} not declared: {declare}"
        if alone:
            says = f"gives gradients of {written(changed)}, while its value is as declared: they do not belong together"
        seen = DIFFERENT_SIGNS if alone and tuple(changed) == ("sign",) else ()
        yield Hypothesis(None, says, seen, lambda case, other=other: spec.answer(case.inputs, other))


def _axis_orders(spec, declared):
    names = spec.written(declared)
    for i in spec.inputs:
        axes, name = i.axes.split(), names[i.name]
        for a, b in itertools.combinations(range(len(axes)), 2):
            says = f"reads {name} with its axes {axes[a]} and {axes[b]} exchanged"
            yield _misread(spec, declared, name, says, lambda v, a=a, b=b: _exchanged(v, a, b))
            says = f"reshapes {name} where its axes {axes[a]} and {axes[b]} should be transposed"
            yield _misread(spec, declared, name, says, lambda v, a=a, b=b: _reshaped(v, a, b))
        if i.domain == "noise":
            says = f"uses the entries of {name} in another order"
            yield _misread(spec, declared, name, says, lambda v: v[::-1])


def _exchanged(v, a, b):
    if v.shape[a] != v.shape[b]:
        raise ValueError("only axes of equal length can be exchanged unnoticed")
    return np.swapaxes(v, a, b)


def _reshaped(v, a, b):
    """The same entries in the order that a reshape to the exchanged axes gives, put back in shape."""
    shape = list(v.shape)
    shape[a], shape[b] = shape[b], shape[a]
    return np.swapaxes(v.reshape(shape), a, b)


def _argument_probes(spec, declared):
    names = spec.written(declared)
    for i in spec.inputs:
        if i.domain in ("real", "noise", "given", "logarithm", "log_weights"):
            name = names[i.name]
            yield _misread(spec, declared, name, f"uses {name} with the opposite sign", lambda v: -v)
    for first, second in itertools.combinations(spec.inputs, 2):
        if first.axes == second.axes and first.domain == second.domain:
            a, b = names[first.name], names[second.name]

            def swapped(case, a=a, b=b):
                return spec.answer({**case.inputs, a: case.inputs[b], b: case.inputs[a]}, declared)

            yield Hypothesis(None, f"exchanges the arguments {a} and {b}", (), swapped)


def _misread(spec, declared, name, says, change):
    def model(case):
        return spec.answer({**case.inputs, name: change(case.inputs[name])}, declared)

    return Hypothesis(None, says, (), model)


MISREADINGS = {
    "squared": (lambda s: s * s, lambda s: 2.0 * s),
    "under a root": (sqrt, lambda s: 0.5 / sqrt(s)),
    "exponentiated once more": (exp, exp),
    "as a logarithm": (log, lambda s: 1.0 / s),
}


def _scale_probes(spec, declared):
    for i in spec.inputs:
        if i.domain != "scale":
            continue
        for how, (misread, slope) in MISREADINGS.items():
            model = _misread_scale(spec, declared, i.name, misread, slope)
            yield Hypothesis(None, f"takes the standard deviation {i.name} {how}", (), model)
        if declared.get("scale", "std") != "std" and spec.gradient:
            name = spec.written(declared)[i.name]
            says = f"gives the derivative with respect to the standard deviation, not with respect to {name}"
            yield Hypothesis(None, says, (), _derivative_to_std(spec, declared, i.name))


def _misread_scale(spec, declared, name, misread, slope):
    def model(case):
        inputs = spec.canonical(case.inputs, declared)
        std = sized(inputs[name])
        inputs[name] = misread(std)
        answer = {}
        if spec.only == "value":
            answer["value"] = spec.finish(spec.reference(**inputs), inputs, declared)
        if spec.gradient:
            gradients = spec.total_gradient(**inputs)
            gradients[name] = gradients[name] * slope(std)
            right = spec.canonical(case.inputs, declared)
            answer.update(spec.finish_gradient(gradients, case.inputs, right, declared))
        return answer

    return model


def _derivative_to_std(spec, declared, name):
    def model(case):
        inputs = spec.canonical(case.inputs, declared)
        plain = {**declared, "scale": "std"}
        handed = spec.write({k: sized(v).value for k, v in inputs.items()}, plain)
        found = spec.finish_gradient({name: spec.total_gradient(**inputs)[name]}, handed, inputs, plain)
        return {f"grad.{spec.written(declared)[name]}": found[f"grad.{name}"]}

    return model
