"""A web server that fails when a test says so, and what the tests of remote files share."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from diptych.components.catalogue.options import FetchOptions
from diptych.components.catalogue.storage import write_stream

QUICK = FetchOptions(attempts=3, timeout_seconds=5)
CONTENT = bytes(range(256)) * 40
MB = 10**6


class WebServer:
    """A web server that fails when a test says so.

    Attributes:
        files: what it serves, by path.
        failures: by path, what it does instead for the first requests: answer a code, or 0 to hang up.
        ranges: whether it sends parts of files.
        delay: of each answer, in seconds.
        requests: how often each path was asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.failures: dict[str, list[int]] = {}
        self.ranges = True
        self.delay = 0.0
        self.requests: Counter[str] = Counter()
        self.sent = 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                web.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.requests[path] += 1
        time.sleep(self.delay)
        if self.failures.get(path):
            code = self.failures[path].pop(0)
            if code:
                return self._send(request, code, b"no")
            # A response that ends before its declared length.
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
            request.close_connection = True
            return None
        if f"{path}/" in self.files:
            return self._send(request, 301, b"", {"Location": f"{path}/"})
        if path not in self.files:
            return self._send(request, 404, b"")
        return self._send_file(request, self.files[path])

    def _send_file(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if not self.ranges or not wanted:
            return self._send(request, 200, content)
        start, stop = int(wanted[1]), min(int(wanted[2]) + 1, len(content))
        if start >= len(content):
            return self._send(request, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
        of = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        return self._send(request, 206, content[start:stop], of)

    def _send(
        self, request: BaseHTTPRequestHandler, code: int, content: bytes, more: dict[str, str] | None = None
    ) -> None:
        request.send_response(code)
        kind = "text/html" if content.startswith(b"<") else "application/octet-stream"
        for name, value in {"ETag": '"1"', "Content-Type": kind, **(more or {})}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command == "HEAD":
            return
        try:
            for start in range(0, len(content), 1 << 16):
                self.sent += request.wfile.write(content[start : start + (1 << 16)])
        except OSError:
            request.close_connection = True


def put(uri: str, content: bytes) -> str:
    with write_stream(uri) as file:
        file.write(content)
    return uri


def bucket_of(scheme: str, request: pytest.FixtureRequest) -> str:
    """The URI of the empty bucket that the fixture of a scheme gives."""
    fixture = {"minio": "s3"}.get(scheme, scheme)
    return str(request.getfixturevalue(fixture)).replace(f"{fixture}://", f"{scheme}://")
