"""JAX arrays, in double precision; gradients by jax.vjp where the function returns only a value.

Eager JAX compiles every operation for every shape, which takes minutes over many cases. So a function is called as it is
twice, which is where a function that draws its own randomness is found out, and from then on under jit; one that cannot
be traced is called as it is throughout.
"""

import contextlib

import jax
import numpy as np

name = "jax"
SHAPES = 4  # sets of axis sizes; each is compiled anew
EAGER_CALLS = 2
_last: list = []


def _double_precision():
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def call(function, inputs, wrt):
    """Call with float64 arrays under x64; differentiate the sum of the value with respect to `wrt`."""
    with _double_precision():
        given = {k: jax.numpy.asarray(np.array(v)) for k, v in inputs.items()}
        result, gradients = _evaluator(function, tuple(wrt))(given)
        if gradients is not None:
            gradients = {k: np.asarray(g) for k, g in gradients.items()}
        return result, gradients, {k: np.asarray(v) for k, v in given.items()}


def _evaluator(function, wrt):
    """The evaluator of the function that was called last, so that its compiled form is used again."""
    if not _last or _last[0].function is not function or _last[0].wrt != wrt:
        _last[:] = [_Evaluator(function, wrt)]
    return _last[0]


class _Evaluator:
    def __init__(self, function, wrt):
        self.function, self.wrt, self.calls, self.compiled = function, wrt, 0, None

    def __call__(self, given):
        self.calls += 1
        if self.calls <= EAGER_CALLS or self.compiled is False:
            return _evaluate(self.function, given, self.wrt)
        try:
            self.compiled = self.compiled or jax.jit(lambda given: _evaluate(self.function, given, self.wrt))
            return self.compiled(given)
        except (
            Exception
        ):  # whatever keeps a function from being traced: its own errors come back from the plain call
            self.compiled = False
            return _evaluate(self.function, given, self.wrt)


def _evaluate(function, given, wrt):
    """The result, and the gradients of the sum of a single array."""
    if not wrt:
        return function(**given), None
    fixed = {k: v for k, v in given.items() if k not in wrt}

    def of(free):
        return function(**fixed, **free)

    free = {k: given[k] for k in wrt}
    try:
        single = isinstance(jax.eval_shape(of, free), jax.ShapeDtypeStruct)
    except (
        Exception
    ):  # it looks at values, or leaves JAX; what is wrong otherwise is raised again by this call
        return _without_tracing(of, free)
    return _differentiate(of, free) if single else (of(free), None)


def _differentiate(of, free):
    result, pull = jax.vjp(of, free)
    (gradients,) = pull(jax.numpy.ones_like(result))
    return result, gradients


def _without_tracing(of, free):
    """The result on concrete values, with gradients where JAX can still take them."""
    result = of(free)
    if isinstance(result, jax.Array):
        with contextlib.suppress(jax.errors.JAXTypeError):
            return _differentiate(of, free)
    return result, None


def to_numpy(thing):
    """A JAX array on the host; bfloat16 by way of float32."""
    array = np.asarray(thing)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
