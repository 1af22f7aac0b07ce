"""What can go wrong, one sentence each. Every message says what, what is required, and what it got."""


class RefviError(Exception):
    """Anything that refvi refuses; the message is one sentence for the user."""


class UsageError(RefviError, ValueError):
    """An argument, name, file or function that cannot be used as given."""


class TargetUnavailable(RefviError):
    """The device or library behind a target is missing; the message says what to install."""


class CheckFailed(RefviError, AssertionError):
    """An implementation differs from the reference; the message is the whole diagnosis."""


class LawViolation(RefviError, AssertionError):
    """A thing breaks a law that it must obey."""
