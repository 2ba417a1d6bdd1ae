"""A Ray of our own and its death: signals stay ours, and a server that dies is told of."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import ray
import ray._private.utils
import ray._private.worker

from search.errors import GOES_ON, MachineFault

_LOOK = 0.2  # seconds between two looks at the servers
_GRACE = 1.0  # seconds after a death in which a signal, sent to all of us, may reach this process
_SERVERS = {"raylet": "its raylet", "gcs_server": "its GCS server"}
# Seconds that the main thread has to leave, before it is interrupted again and at last ended. Ray
# waits for a lost server without looking at signals, and swallows some.
_PATIENCE = {"its raylet": (6.0,), "its GCS server": (20.0, 20.0)}


@contextmanager
def own_sigterm() -> Iterator[None]:
    """Within the block Ray is started without its handler of SIGTERM, which ends this process at
    once and without a word, or aborts it; ours ends a command in good order, and stays."""
    handler = signal.getsignal(signal.SIGTERM)
    installer = ray._private.utils.set_sigterm_handler
    ray._private.utils.set_sigterm_handler = lambda _: None
    try:
        yield
    finally:
        ray._private.utils.set_sigterm_handler = installer
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)


def silence_ray() -> None:
    """Ray prints its servers' messages, whole logs with escape codes, into our output; what a
    user needs of them is told by us."""
    ray._private.worker.print_to_stdstream = lambda *_, **__: None


@contextmanager
def deaths_told() -> Iterator[None]:
    """Within the block the death of the servers of our own Ray raises MachineFault.

    Left alone, Ray ends this process then, after 10 s (raylet) or 60 s (GCS) and without a word.
    A thread looks after them and interrupts the main thread, as Ctrl-C does. Where that does not
    leave in time, the thread says the line and ends the process: the journal is on the disk.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # it could not be interrupted
        return
    ended, dead = threading.Event(), list[str]()
    watching = threading.Thread(
        target=_watch,
        args=(_servers(), ended, dead, GOES_ON.get()),
        name="deaths of Ray",
        daemon=True,
    )
    watching.start()
    try:
        yield
    except MachineFault:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if not dead:
            raise
        raise MachineFault(_told(dead)) from error
    finally:
        if dead:  # leaving may wait for the dead server too, and is watched as well
            with suppress(KeyboardInterrupt):
                ray.shutdown()
        ended.set()
        watching.join()


def _servers() -> dict[str, subprocess.Popen[bytes]]:
    """Those of Ray's processes without which it ends; none where a cluster was joined."""
    node = ray._private.worker._global_node
    started = {} if node is None else node.all_processes
    return {what: started[kind][0].process for kind, what in _SERVERS.items() if kind in started}


def _watch(
    servers: dict[str, subprocess.Popen[bytes]],
    ended: threading.Event,
    dead: list[str],
    again: str | None,
) -> None:
    gone: list[str] = []
    while not gone:
        if ended.wait(_LOOK):
            return
        gone = [what for what, process in servers.items() if process.poll() is not None]
    # Where a signal has ended all of our processes, it will end this one too.
    if ended.wait(_GRACE):
        return
    dead += gone
    for seconds in _PATIENCE[dead[0]]:
        _thread.interrupt_main()
        if ended.wait(seconds):
            return
    sys.stderr.write(f"fairfront: {MachineFault(_told(dead), again)}\n")
    sys.stderr.flush()
    os._exit(MachineFault.exit_code)


def _told(dead: list[str]) -> str:
    return f"Ray has died on this machine ({dead[0]} was killed)"
