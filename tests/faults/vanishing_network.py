"""A server whose network vanishes while it answers: no reset, no end, nothing further.

Run as a program in its own network namespace, which it takes down itself:
``python vanishing_network.py invoke|ainvoke|astream`` prints the error that ends the call.
"""

import asyncio
import ctypes
import fcntl
import socket
import struct
import sys
import threading

from xinference_magics import ChatXinference
from xinference_magics.errors import XinferenceError
from xinference_magics.transport import connections

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
BEGUN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def loopback(flags):
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", flags))


def answer(listener, begin):
    """Accept a request, begin to answer, then take the network down."""
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(begin)
    loopback(0)
    threading.Event().wait()


async def read(llm):
    async for _ in llm.astream("hi"):
        pass


def main(call):
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "unshare")
    loopback(UP)
    connections._KEEPALIVE = dict.fromkeys(connections._KEEPALIVE, 1) | {"TCP_USER_TIMEOUT": 2_000}
    listener = socket.create_server(("127.0.0.1", 0))
    begin = BEGUN if call == "astream" else b""
    threading.Thread(target=answer, args=(listener, begin), daemon=True).start()
    llm = ChatXinference(f"http://127.0.0.1:{listener.getsockname()[1]}", "tiny", timeout=300)
    try:
        if call == "invoke":
            llm.invoke("hi")
        else:
            asyncio.run(llm.ainvoke("hi") if call == "ainvoke" else read(llm))
    except XinferenceError as error:
        sys.stdout.write(f"{type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1])
