"""A TCP proxy that can cut, stall and slow down what goes through it: a network that fails on demand."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Passes connections on to a port of this machine.

    Attributes:
        port: where it listens.
        delay: seconds by which everything that goes through is late, each way.
        accepted: how many connections came so far.
    """

    def __init__(self, target: int, *, context: ssl.SSLContext | None = None) -> None:
        """Listen; with a `context` the callers speak TLS, the target does not."""
        self._target, self._context = target, context
        self.delay = 0.0
        self.accepted = 0
        self._open = threading.Event()
        self._open.set()
        self._refusing = False
        self._sockets: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self._refusing = True
        self._drop()

    def stall(self) -> None:
        """Let nothing through any more, without a word to either side."""
        self._open.clear()

    def mend(self) -> None:
        """Let everything through again."""
        self._refusing = False
        self._open.set()

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._open.set()
        self._accepting.join(10)

    def _drop(self) -> None:
        with self._guard:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._refusing:
                caller.close()
                continue
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            if self._context is not None:
                caller = self._context.wrap_socket(caller, server_side=True)
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            caller.close()
            return
        with self._guard:
            self._sockets |= {caller, server}
        if self._refusing:  # it was cut while this connection was being made
            self._drop()
        back = threading.Thread(target=self._pass_on, args=(server, caller), daemon=True)
        back.start()
        self._pass_on(caller, server)
        back.join()
        with self._guard:
            self._sockets -= {caller, server}
        caller.close()
        server.close()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while octets := source.recv(65_536):
                self._open.wait()
                if self.delay:
                    time.sleep(self.delay)  # it is what this proxy is for
                sink.sendall(octets)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(target: int, *, context: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy in front of `target`, for as long as the block lasts."""
    proxy = Proxy(target, context=context)
    try:
        yield proxy
    finally:
        proxy.close()
