"""Generative stories: log joint, sampler, exact evidence and manual gradients, one model in one file or folder.

Not here: how a posterior is approximated in general (`refvi.families`), loops (`refvi.algorithms`).
"""
