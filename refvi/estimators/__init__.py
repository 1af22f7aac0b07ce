"""Random gradients with a stated target, an exact mean and an exact variance.

Not here: models and bounds themselves.
"""
