"""pytest collects marked functions without a line of test code."""

pytest_plugins = ("pytester",)


def test_marked_functions_are_collected(pytester):
    pytester.makepyfile(
        test_mine="""
        import numpy as np, refvi

        @refvi.implements("kl.normal_standard", scale="log_var")
        def kl(mu, log_var):
            return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(-1)

        @refvi.implements("kl.normal_standard", scale="log_var")
        def wrong(mu, log_var):
            return kl(mu, log_var) / mu.shape[-1]
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:xdist", "-q", "-o", "addopts=")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*kl-mean-over-latents*"])
