"""``%%chat`` and ``%%generate``: parse, build, run, keep.

`commands.command` parses. `building` settles all that is sent, `run` and its siblings ask and show,
and what came of it is kept in the conversation. Nothing here knows the magics or the shell.
"""
