"""JAX arrays, in double precision; gradients by jax.vjp where the function returns only a value."""

import jax
import numpy as np

name = "jax"


def _double_precision():
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def call(function, inputs, wrt):
    """Call with float64 arrays under x64; differentiate the sum of the value with respect to `wrt`."""
    with _double_precision():
        given = {k: jax.numpy.asarray(np.array(v)) for k, v in inputs.items()}
        if not wrt:
            return function(**given), None, {k: np.asarray(v) for k, v in given.items()}
        fixed = {k: v for k, v in given.items() if k not in wrt}

        def of(free):
            return function(**fixed, **free)

        free = {k: given[k] for k in wrt}
        shape = jax.eval_shape(of, free)
        if not isinstance(shape, jax.ShapeDtypeStruct):
            return of(free), None, {k: np.asarray(v) for k, v in given.items()}
        result, pull = jax.vjp(of, free)
        (gradients,) = pull(jax.numpy.ones_like(result))
        return (
            result,
            {k: np.asarray(g) for k, g in gradients.items()},
            {k: np.asarray(v) for k, v in given.items()},
        )


def to_numpy(thing):
    """A JAX array on the host; bfloat16 by way of float32."""
    array = np.asarray(thing)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
