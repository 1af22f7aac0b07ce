"""What a thing must obey, as pure functions that return an `Outcome`.

Not here: any formula of the mathematics. Subjects arrive as arguments, answers come from `refvi.oracles`.
"""
