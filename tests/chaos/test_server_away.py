"""A proxy before the MLflow server that is slow, answers nonsense, dies and comes back."""

import http.client
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from search.tracking.mirror import finish_mirror, start_mirror
from tests.search.made_journal import begin, look, steps, write_trial
from tests.search.tracking.made_server import free_port, server

pytestmark = pytest.mark.slow

HTML = b"<html><body>Please log in</body></html>"
FAULTS = ["slow", 500, 403, "html", "dead"]


class Proxy:
    """Hands requests on to the server, unless `fault` says otherwise."""

    def __init__(self, behind):
        self.fault = None
        self.port = free_port()
        self.behind = behind
        self._listening = None

    def open(self):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if proxy.fault == "slow":
                    time.sleep(5.0)
                if isinstance(proxy.fault, int):
                    self.reply(proxy.fault, b"no")
                elif proxy.fault == "html":
                    self.reply(200, HTML, "text/html")
                else:
                    server_behind = http.client.HTTPConnection("127.0.0.1", proxy.behind)
                    names = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                    server_behind.request(self.command, self.path, body, names)
                    answer = server_behind.getresponse()
                    kind = answer.headers.get("Content-Type", "application/json")
                    self.reply(answer.status, answer.read(), kind)
                    server_behind.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def reply(self, status, body, kind="application/json"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Nothing."""

        self._listening = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._listening.serve_forever, daemon=True).start()

    def close(self):
        if self._listening is not None:
            self._listening.shutdown()
            self._listening.server_close()
            self._listening = None


@contextmanager
def proxied(folder):
    port = free_port()
    with server(folder, port):
        proxy = Proxy(port)
        proxy.open()
        try:
            yield proxy
        finally:
            proxy.close()


def test_whatever_the_server_s_proxy_does_everything_is_told_once_in_the_end(tmp_path):
    with proxied(tmp_path) as proxy:
        uri = f"http://127.0.0.1:{proxy.port}"
        journal = begin(tmp_path / "run")
        process = start_mirror(tmp_path / "run", uri, nice=0)
        trials = []
        for fault in FAULTS:
            proxy.fault = fault
            if fault == "dead":
                proxy.close()
            begun = time.monotonic()
            for _ in range(2):
                trials.append(f"t{len(trials):04d}")
                write_trial(journal, trials[-1])
            assert time.monotonic() - begun < 1.0  # the search itself does not wait
            time.sleep(12.0)
            proxy.fault = None
            if fault == "dead":
                proxy.open()
        journal.append({"event": "search_end"})
        journal.close()

        assert finish_mirror(process, 300), (tmp_path / "run" / "mirror.log").read_text()
        now = look(f"http://127.0.0.1:{proxy.behind}")
        assert sorted(now.trials) == trials
        for trial in trials:
            assert steps(now, trial, "bias") == [1, 2, 3, 4, 5, 6]
