"""Other libraries, each imported by the process of its contender alone.

Written as well as we can: half states are added instead of multiplied out, work is chunked to fit the caches, block size
and spelling of log(1 + exp(l)) are the fastest of several on this machine.
"""
