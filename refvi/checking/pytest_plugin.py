"""pytest collects functions marked with `refvi.implements` as tests: each is one check. Nothing heavy is imported before."""

import pytest

MARK = "__refvi_implements__"


def pytest_pycollect_makeitem(collector, name, obj):
    """Turn a marked function of a collected module into a test item."""
    if getattr(obj, MARK, None) is None or not callable(obj) or name.startswith("test"):
        return None
    return Check.from_parent(collector, name=name, function=obj)


class Check(pytest.Item):
    """One marked function as a test."""

    def __init__(self, *, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def runtest(self):
        """Check, and fail with the whole diagnosis."""
        from refvi.checking.check import check

        check(self.function, name=f"{self.path.name}::{self.name}").raise_if_failed()

    def repr_failure(self, excinfo):
        """The diagnosis without a traceback."""
        from refvi.errors import RefviError

        return str(excinfo.value) if isinstance(excinfo.value, RefviError) else super().repr_failure(excinfo)

    def reportinfo(self):
        """Where the item stands, for the summary."""
        return self.path, None, f"refvi check {self.name}"
