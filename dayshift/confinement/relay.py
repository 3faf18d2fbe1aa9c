"""From a loopback port inside to a socket outside: the one way out of a sandbox.

It is a single process that ends with the command and, behind a filter, cannot be read or steered by the agent's. For
whoever wrote into its memory could open unix sockets again; and if one connection outlived the listener, whoever
killed that could answer the guard's questions in its place while the model still talks.
"""

import contextlib
import os
import socket
import threading
import time

from dayshift.confinement.kernel import end_with_parent

BLOCK = 1 << 16
BACKLOG = 128
PAUSE = 0.05  #: seconds to the next try when descriptors or threads have run out


class Relay:
    """Some ports, each leading to a socket; all of them listen once this is made."""

    def __init__(self, wanted: list[str]) -> None:
        pairs = [each.split(":", 1) for each in wanted]
        self._doors = [(socket.create_server(("127.0.0.1", int(port)), backlog=BACKLOG), path) for port, path in pairs]

    def serve_in_a_child(self) -> None:
        """Leave the serving to a process of its own, which holds none of the command's streams."""
        if os.fork() == 0:
            try:
                end_with_parent()
                os.setsid()
                _let_go_of_streams()
                self._serve()
            finally:
                os._exit(1)
        for listener, _ in self._doors:
            listener.close()

    def _serve(self) -> None:
        threads = [threading.Thread(target=_accept, args=door) for door in self._doors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _let_go_of_streams() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _accept(listener: socket.socket, path: str) -> None:
    while True:
        try:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_carry, args=(client, path)).start()
        except (OSError, RuntimeError):
            time.sleep(PAUSE)


def _carry(client: socket.socket, path: str) -> None:
    with contextlib.suppress(OSError, RuntimeError), client, socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        back = threading.Thread(target=_pass_on, args=(server, client))
        back.start()
        _pass_on(client, server)
        back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """All that comes, until the source ends; a connection that breaks on one side breaks on both."""
    try:
        while data := source.recv(BLOCK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
