"""Exact answers at sizes that a plain sum cannot reach.

The few places of refvi where cleverness pays. Each has a plain twin elsewhere and a law that holds it to the
twin; nothing here defines a quantity.
"""
