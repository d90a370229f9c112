"""Ask a server for the first time in a cold process: `first_chat.py WAY UID`.

WAY is `magic` (``%%chat`` after ``%load_ext``) or `client` (xinference-client by hand). Prints
when it began, in seconds since 1970; the server knows when the request arrived. After the line
``--begin--``, ``-X importtime`` reports on stderr what was imported for it.
"""

import os
import sys
import time

from IPython.core.interactiveshell import InteractiveShell

way, uid = sys.argv[1:]
shell = InteractiveShell.instance()
if way == "magic":
    shell.extension_manager.load_extension("xinference_magics")
sys.stderr.write("--begin--\n")
begun = time.time()
if way == "magic":
    shell.run_cell_magic("chat", f"-m {uid}", "Count.")
else:
    from xinference_client import RESTfulClient

    model = RESTfulClient(os.environ["XINFERENCE_ENDPOINT"]).get_model(uid)
    for _ in model.chat([{"role": "user", "content": "Count."}], generate_config={"stream": True}):
        pass
print(f"begun {begun}")
