"""``%%chat`` and ``%%generate``: parse, build, run, keep.

`commands.command` parses the cell. `building` prepares the requests. `run` and its siblings send
them, show the answers and add the turns to the conversation. Nothing here depends on the magics or
the shell.
"""
