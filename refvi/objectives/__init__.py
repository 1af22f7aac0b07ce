"""Bounds of the log evidence as functions of log weights, with their gradients.

Not here: any model or q (`log_weights` is all that crosses).
"""
