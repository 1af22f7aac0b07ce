"""How fast is it, against whom, and do they agree: `refvi bench [--peers]`.

Every contender runs in a process of its own, with its number of threads fixed before it imports anything (`process`,
`worker`). All are asked for the same `tasks` on the same `problems`, in turns, so that a busy moment of the machine
hits everybody (`session`). A contender whose numbers disagree with the others is not timed (`agreement`). Every
sample goes into one JSON file (`record`), from which tables (`tables`) and goals (`goals`) are computed.

`own`, `twin` and `multiplications` need nothing but refvi; `peers` holds other libraries, imported by their own
process alone.
"""
