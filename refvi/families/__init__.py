"""Variational families q: sample, log q, score, path derivative, entropy.

Not here: how their parameters come from data (the encoders of the models).
"""
