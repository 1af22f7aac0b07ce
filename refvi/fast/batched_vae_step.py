"""One batched step from arguments to answer: read, encode, decode with its way back, encoder's way back.

Checked by  tests/fast/test_batched_vae.py
"""

import numpy as np

from refvi import validate
from refvi.fast.batched_vae import Step
from refvi.fast.batched_vae_arguments import check_decoder_range, read_arguments
from refvi.fast.batched_vae_encoder import EncoderArrays
from refvi.fast.batched_vae_latents import Latents, Problem
from refvi.fast.batched_vae_schedule import decode, encode, encode_back
from refvi.fast.one_blas_thread import one_blas_thread
from refvi.fast.resident_memory import keep_memory

METHODS = (None, "direct", "gram")


def step(x, theta, phi, noise, sample_weights, coefficients, method, threads):
    """The step of `batched_vae`, once it is known which weights and coefficients are meant."""
    if method not in METHODS:
        validate.one_of("method", method, METHODS)
    x, decoder, encoder, noise, totals = read_arguments(x, theta, phi, noise)
    count, samples, latent = noise.shape
    if sample_weights.size:
        validate.array("sample_weights", sample_weights, "K", {"K": samples})
    if method == "gram" and not decoder.log_std.size:
        raise validate.UsageError(
            "method 'gram' must have a Gaussian likelihood, got one of Bernoulli logits"
        )
    keep_memory()
    problem = Problem(x, noise, sample_weights, coefficients)
    mean, log_var, std, grad_mean, grad_log_var = np.empty((5, count, latent))
    constant, bound = np.empty((2, count))
    latents = Latents(mean, log_var, std, constant, grad_mean, grad_log_var, bound)
    grad_phi = EncoderArrays(*map(np.empty_like, encoder))
    with one_blas_thread():
        hidden = encode(problem, encoder, latents, threads)
        bound_of_z = check_decoder_range(totals, latents, decoder)
        grad_theta = decode(problem, decoder, latents, bound_of_z, method, threads)
        encode_back(problem, encoder, hidden, latents, grad_phi, threads)
    return Step(bound.copy(), type(theta)(*grad_theta), type(phi)(*grad_phi))
