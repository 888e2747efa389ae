"""Bodies of messages as types (DVRIP §5-§13): what is named is typed, what is not stays in ``raw``.

A module per group. Nothing here does I/O or knows a session; every reader tolerates what devices leave out.
"""
