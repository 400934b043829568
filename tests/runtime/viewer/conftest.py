"""A real browser for the tests of the viewer, driven by the DevTools protocol over a pipe."""

import base64
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
    "about:blank",
)
# The protocol is read from descriptor 3 and written to 4; this makes them so and becomes the browser.
BECOME = (
    "import os, sys; r, w = int(sys.argv[1]), int(sys.argv[2]); a, b = os.dup(r), os.dup(w); "
    "os.dup2(a, 3); os.dup2(b, 4); os.set_inheritable(3, True); os.set_inheritable(4, True); "
    "os.execvp(sys.argv[3], sys.argv[3:])"
)
# Seconds for one answer: far more than it takes, for machines that are busy with other things.
PATIENCE = 90.0


def browser_program() -> str | None:
    """The browser to test with: that of LDIKIT_CHROMIUM, or one of `NAMES` on the path."""
    named = os.environ.get("LDIKIT_CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One browser process; `open` gives pages."""

    def __init__(self, profile: Path, *more: str) -> None:
        program = browser_program()
        assert program is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = [sys.executable, "-S", "-c", BECOME, str(theirs_in), str(theirs_out), program]
        self._process = subprocess.Popen(
            [*command, *OPTIONS[:-1], f"--user-data-dir={profile}", *more, OPTIONS[-1]],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._rest = b""
        self._count = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        left = memoryview(json.dumps(message).encode() + b"\0")
        while left:
            left = left[os.write(self._out, left) :]
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(until)
            assert answer is not None, f"the browser did not answer {method}"
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _receive(self, until: float) -> dict[str, Any] | None:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(until - time.monotonic(), 0))
            data = os.read(self._in, 1 << 20) if ready else b""
            if not data:
                return None
            self._rest += data
        first, self._rest = self._rest.split(b"\0", 1)
        return json.loads(first)

    def open(self, path: Path, **look: Any) -> "Page":
        """Open a file in a new page; see `Page`."""
        return Page(self, path, **look)

    def close(self) -> None:
        """End the browser, by asking; by force if it will not."""
        try:
            self.call("Browser.close")
            self._process.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)


class Page:
    """One page: `size` in CSS pixels, `media` features to pretend, `touch` screen or not."""

    def __init__(
        self,
        browser: Browser,
        path: Path,
        size: tuple[int, int] = (480, 400),
        media: dict[str, str] | None = None,
        touch: bool = False,
        before: str = "",
    ) -> None:
        self._browser = browser
        self.path = path
        features = {"prefers-reduced-motion": "no-preference"} | (media or {})
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        browser.events.clear()
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        if touch:
            self.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
        self.call(
            "Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in features.items()]
        )
        if before:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.until("document.readyState === 'complete' && 'ldikit' in window")
        self.runs = self.evaluate("ldikit.ready")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol on this page."""
        return self._browser.call(method, self._session, **params)

    def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript, wait for a promise, and return its value."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a JavaScript condition holds."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"never came true: {condition}; {self.problems()}"
            time.sleep(0.02)

    def state(self) -> dict[str, Any]:
        """What `ldikit.state()` says."""
        return self.evaluate("ldikit.state()")

    def pixels(self, **options: Any) -> np.ndarray:
        """What `ldikit.readPixels` gives, (H, W, 4) uint8."""
        read = self.evaluate(
            f"ldikit.readPixels({json.dumps(options)}).then(({{width, height, data}}) => {{"
            "let text = ''; for (let i = 0; i < data.length; i += 8192) "
            "text += String.fromCharCode(...data.subarray(i, i + 8192)); return [width, height, btoa(text)]})"
        )
        width, height, data = read
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Send a mouse event: `mousePressed`, `mouseMoved`, `mouseReleased`, `mouseWheel`."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def touches(self, kind: str, *points: tuple[float, float]) -> None:
        """Send a touch event: `touchStart`, `touchMove`, `touchEnd`."""
        given = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=given)

    def key(self, key: str, code: str | None = None, modifiers: int = 0) -> None:
        """Press and release a key by its `KeyboardEvent.key`."""
        text = {"text": key} if len(key) == 1 else {}
        named = {"key": key, "code": code or key, "modifiers": modifiers}
        codes = {"Tab": 9, "Escape": 27, " ": 32, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13}
        named["windowsVirtualKeyCode"] = codes.get(key, 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def screenshot(self) -> np.ndarray:
        """What is on the screen, (H, W, 3) uint8."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def requests(self) -> list[str]:
        """Every address that the page has asked for, but its own file and data in it."""
        self.evaluate("0")
        urls = [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event["method"] == "Network.requestWillBeSent" and event.get("sessionId") == self._session
        ]
        return [url for url in urls if not url.startswith("data:") and url != self.path.resolve().as_uri()]

    def problems(self) -> list[str]:
        """Everything that the page has logged as a warning or an error."""
        self.evaluate("0")
        found = []
        for event in self._browser.events:
            params = event.get("params", {})
            if event.get("sessionId") != self._session:
                continue
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"])[:400])
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(str(params["args"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
        return found

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    if browser_program() is None:
        pytest.skip("no Chromium here: install one, or name it in LDIKIT_CHROMIUM; the viewer was not tested")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def flat_browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser without WebGL."""
    if browser_program() is None:
        pytest.skip("no Chromium here: install one, or name it in LDIKIT_CHROMIUM; the viewer was not tested")
    opened = Browser(tmp_path / "profile", "--disable-3d-apis")
    yield opened
    opened.close()
