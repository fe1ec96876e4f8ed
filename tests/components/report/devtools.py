"""Drives headless Chromium by the Chrome DevTools Protocol, over a pipe: a page at any width, medium and scheme."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
_LOAD_SECONDS = 60


class Tab:
    """A page in the browser.

    Attributes:
        messages: what the page logged, and each error of it.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._number, self._buffer, self._session = 0, b"", ""
        self.messages: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, path: Path, width: int = 1440, height: int = 900, fragment: str = "") -> None:
        """Opens a file in a window of a size in CSS pixels, and waits until it has loaded."""
        self.resize(width, height)
        self._call("Page.navigate", url="about:blank")
        self._call("Page.navigate", url=path.as_uri() + fragment)
        deadline = time.monotonic() + _LOAD_SECONDS
        while self.evaluate("location.protocol + document.readyState") != "file:complete":
            assert time.monotonic() < deadline, f"{path} does not load"
            time.sleep(0.05)

    def resize(self, width: int, height: int) -> None:
        """Gives the window a size in CSS pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def emulate(self, medium: str = "screen", scheme: str = "light") -> None:
        """Shows the page as on a medium (``screen``, ``print``) in a colour scheme (``light``, ``dark``)."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", media=medium, features=features)

    def let_scripts_run(self, allowed: bool) -> None:
        """Lets scripts of pages that are opened from then on run, or not."""
        self._call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; of a promise, what it is fulfilled with."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Presses a key on what has the focus; ``code`` is the key's Windows virtual key code."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)

    def screenshot(self, path: Path, whole_page: bool = True) -> None:
        """Writes a PNG of the page, or of the window alone."""
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=whole_page)
        path.write_bytes(base64.b64decode(answer["data"]))

    def print_pdf(self) -> bytes:
        """The page as it would be printed."""
        return base64.b64decode(self._call("Page.printToPDF", printBackground=True)["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        request: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._to, json.dumps(request).encode() + b"\0")
        for message in self._read():
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])
            self._listen(message)
        raise EOFError("the browser has ended")

    def _read(self) -> Iterator[dict[str, Any]]:
        while True:
            *lines, self._buffer = self._buffer.split(b"\0")
            if lines:
                first, *others = lines
                self._buffer = b"\0".join([*others, self._buffer])
                yield json.loads(first)
            elif part := os.read(self._from, 1 << 20):
                self._buffer += part
            else:
                return

    def _listen(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        match message["method"]:
            case "Runtime.consoleAPICalled":
                self.messages += [str(each.get("value")) for each in parameters["args"]]
            case "Runtime.exceptionThrown":
                self.messages.append(str(parameters["exceptionDetails"]))
            case "Log.entryAdded":
                self.messages.append(parameters["entry"]["text"])


@contextmanager
def open_browser(chromium: str, profile: Path) -> Iterator[Tab]:
    """A tab of a browser that resolves no name and ends with the block.

    Args:
        profile: a folder for the browser's own files.
    """
    browser_in, to_browser = os.pipe()
    from_browser, browser_out = os.pipe()

    def place_pipes() -> None:
        # Chromium reads commands from descriptor 3, and writes answers to 4.
        for source, target in ((os.dup(browser_in), 3), (os.dup(browser_out), 4)):
            os.dup2(source, target)

    process = subprocess.Popen(
        [chromium, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=place_pipes,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(browser_in)
    os.close(browser_out)
    try:
        yield Tab(to_browser, from_browser)
    finally:
        with suppress(OSError):
            os.write(to_browser, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        os.close(to_browser)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(from_browser)
