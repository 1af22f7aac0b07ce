"""Plain Python functions in the portable subset: one source for the python, cpu and cuda targets.

Not here: NumPy, allocation, exceptions, schedules. A kernel gets scalars and array views and writes into its last ones.
"""
