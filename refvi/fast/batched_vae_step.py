"""One batched step from arguments to answer: read, encode, decode with its way back, encoder's way back.

A small step is one call of compiled code; a larger one is cut into pieces for threads, see `batched_vae_schedule`.

Checked by  tests/fast/test_batched_vae.py
"""

import numpy as np

from refvi import validate
from refvi.fast import batched_vae_schedule as schedule
from refvi.fast.batched_vae import Step
from refvi.fast.batched_vae_arguments import check_decoder_range, read_arguments
from refvi.fast.batched_vae_direct import DecoderArrays
from refvi.fast.batched_vae_encoder import EncoderArrays
from refvi.fast.batched_vae_latents import Problem, largest, new_latents
from refvi.fast.resident_memory import keep_memory

METHODS = (None, "direct", "gram")


def step(x, theta, phi, noise, sample_weights, coefficients, method, threads):
    """The step of `batched_vae`, once it is known which weights and coefficients are meant."""
    if method not in METHODS:
        validate.one_of("method", method, METHODS)
    x, decoder, encoder, noise, totals = read_arguments(x, theta, phi, noise)
    if sample_weights.size:
        validate.array("sample_weights", sample_weights, "K", {"K": noise.shape[1]})
    if method == "gram" and not decoder.log_std.size:
        raise validate.UsageError(
            "method 'gram' must have a Gaussian likelihood, got one of Bernoulli logits"
        )
    keep_memory()
    problem = Problem(x, noise, sample_weights, coefficients)
    run = _at_once if schedule.is_small(problem, decoder, encoder, method) else _in_pieces
    bound, grad_theta, grad_phi = run(problem, decoder, encoder, totals, method, threads)
    return Step(bound, type(theta)(*grad_theta), type(phi)(*grad_phi))


def _at_once(problem, theta, phi, totals, _method, _threads):
    """The range is looked at afterwards: what lies beyond it makes wrong numbers and no harm."""
    grad_theta = DecoderArrays(*map(np.empty_like, theta))
    grad_phi = EncoderArrays(*map(np.empty_like, phi))
    bound, mean, log_var = schedule.step_at_once(problem, theta, phi, grad_theta, grad_phi)
    check_decoder_range(totals, mean, log_var, theta)
    return bound, grad_theta, grad_phi


def _in_pieces(problem, theta, phi, totals, method, threads):
    count, _, latent = problem.noise.shape
    latents, grad_phi = new_latents(count, latent), EncoderArrays(*map(np.empty_like, phi))
    features = schedule.encode(problem, phi, latents, threads)
    bound_of_z = check_decoder_range(totals, largest(latents.mean), largest(latents.log_var), theta)
    grad_theta = schedule.decode(problem, theta, latents, bound_of_z, method, threads)
    schedule.encode_back(problem, phi, features, latents, grad_phi, threads)
    return latents.bound.copy(), grad_theta, grad_phi
