"""PyTorch functions: gradients by torch.autograd, what a missing detach does, single precision."""

import math

import numpy as np
import pytest
import torch

import refvi
from tests.checking import shipped

FUNCTIONS = dict(shipped.functions("torch_iwae_gradient", "torch_pathwise_gradient", "torch_sbn_gradient"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shipped_functions_get_the_verdict_they_expect(name):
    report = refvi.check(FUNCTIONS[name], cases=15)
    assert report.framework == "torch"
    assert report.passed, report.text()


def test_a_missing_detach_is_named():
    log_weights_of = shipped.load("torch_iwae_gradient").log_weights_of

    def surrogate(x, mu, std, noise, weights, bias):
        log_w = log_weights_of(x, mu, std, noise, weights, bias)
        return (torch.softmax(log_w, 0) * log_w).sum()

    report = refvi.check("iwae.gradient", surrogate, framework="torch", cases=15)
    assert report.mistake == "iwae-weights-not-detached"
    assert report.rung == 2


def single(x, mu, std, noise, weights, bias):
    log_weights_of = shipped.load("torch_iwae_gradient").log_weights_of
    log_w = log_weights_of(*(a.float() for a in (x, mu, std, noise, weights, bias)))
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


def test_single_precision_is_compared_in_single_precision():
    report = refvi.check("iwae.gradient", single, framework="torch", cases=15)
    assert report.passed, report.text()
    assert report.dtype == "float32"


def test_a_mistake_in_single_precision_is_named():
    def wrong(x, mu, std, noise, weights, bias):
        log_weights_of = shipped.load("torch_iwae_gradient").log_weights_of
        return log_weights_of(*(a.float() for a in (x, mu, std, noise, weights, bias))).mean(0)

    report = refvi.check("iwae.gradient", wrong, framework="torch", cases=15)
    assert report.dtype == "float32"
    assert report.mistake == "iwae-mean-of-logs"


def test_a_function_that_draws_its_own_noise_is_told_so():
    def draws(x, mu, std, noise, weights, bias):
        return (mu + std * torch.randn_like(std)).sum()

    report = refvi.check("pathwise.gradient", draws, framework="torch", cases=3)
    assert not report.passed
    assert "draw none yourself" in report.message


def test_threads_are_left_as_they_were():
    before = torch.get_num_threads()
    refvi.check("iwae.gradient", single, framework="torch", cases=1)
    assert torch.get_num_threads() == before
    assert np.isfinite(before)
