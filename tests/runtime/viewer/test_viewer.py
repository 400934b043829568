"""The viewer in a real browser: its picture against our renderer's, every way to move it, and to fail."""

import numpy as np
import pytest
from ldikit.reference.ldi import LDI
from ldikit.reference.render import Camera, render
from ldikit.runtime.photo3d.video import REACH
from ldikit.runtime.viewer.page import write_viewer

HEIGHT, WIDTH = 96, 128
PARALLAX = 0.1
CAMERAS = [
    (0, 0, 1.15, 0.5),
    (1, 0, 1.0, 0.5),
    (-1, 0, 1.0, 0.5),
    (0, 1, 1.0, 0.5),
    (0.7, 0.7, 1.0, 0.5),
    (-0.35, -0.3, 1.2, 0.5),
    (0.3, -0.9, 1.1, 0.8),
]


def scene(tint=(1.0, 1.0, 1.0)):
    """A near disc and a bar before a sloping floor; two hidden layers, the second behind the bar's."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    disc = (y - 45) ** 2 + (x - 50) ** 2 < 24**2
    bar = (x > 62) & (x < 84)
    floor = 0.1 + 0.15 * y / HEIGHT
    front = np.where(disc, 0.8 + 0.1 * np.sin(x / 15), np.where(bar, 0.5, floor))
    second = np.where(disc, np.where(bar, 0.5, floor), floor)
    disparity = np.stack([front, second, np.minimum(second, floor)])
    occupancy = np.stack([np.ones_like(front), front - second > 0.02, (disc & bar) * 0.7])
    waves = [np.stack([0.5 + 0.3 * np.sin(x / 5 + k) * np.cos(y / 7)] * 3) for k in range(3)]
    waves[0] = waves[0] + np.where(x > 104, 0.15 * np.cos(1.6 * x), 0.0)  # fine stripes at the right
    color = np.clip(np.stack(waves), 0, 1) * np.reshape(tint, (3, 1, 1))
    color[0] = np.where(disc, color[0] * 0.3 + np.reshape((0.6, 0.2, 0.1), (3, 1, 1)), color[0])
    planes = (color, disparity[:, None], occupancy[:, None])
    return LDI(*(np.ascontiguousarray(plane, np.float32) for plane in planes))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("viewer") / "viewer.html"
    write_viewer(path, scene(), parallax=PARALLAX, title="A disc", alt="A red disc before waves")
    return path


@pytest.fixture(scope="module")
def opened(browser, file):
    page = browser.open(file)
    yield page
    assert page.problems() == []
    assert page.requests() == []
    page.close()


@pytest.fixture
def page(opened):
    """The page as it was at the start, but for the sway."""
    opened.mouse("mouseMoved", 1, 1)
    opened.evaluate(
        "document.activeElement.blur(); document.getElementById('reset').click();"
        "ldikit.setCamera({x: 0, y: 0, focus: 0.5, zoom: ldikit.state().goal.zoom})"
    )
    return opened


def place(page, x, y, zoom, focus):
    page.evaluate(
        f"ldikit.setLook({{fill: false}}); ldikit.setCamera({{x:{x}, y:{y}, zoom:{zoom}, focus:{focus}}})"
    )
    return Camera(x=x, y=y, zoom=zoom, focus=focus, parallax=PARALLAX)


def camera(page):
    return page.state()["camera"]


def test_opens_from_a_file_and_draws(page):
    assert page.runs is True
    assert page.evaluate("document.title") == "A disc"
    assert "A red disc" in page.evaluate("document.querySelector('[role=img]').ariaLabel")
    shown = page.screenshot().astype(float)
    assert shown[100:300, 100:380].std() > 20
    # The disc is where it is in the photo: red at its middle, in the fitted picture.
    assert shown[round(400 * 45 / 96), round(480 * 50 / 128)][0] > 120


@pytest.mark.parametrize("where", CAMERAS)
def test_picture_equals_our_renderers(page, where):
    """Within the loss of the coded colours: 1.5 grey levels in the mean, 38 dB."""
    ldi = scene()
    seen = render(ldi, place(page, *where))
    got = page.pixels()[..., :3] / 255
    assert np.abs(got - seen.rgb).mean() < 1.5 / 255
    assert -10 * np.log10(((got - seen.rgb) ** 2).mean()) > 38


@pytest.mark.parametrize("where", CAMERAS)
def test_geometry_equals_our_renderers(page, where):
    """Disparity is stored exactly, so what is seen of it is our renderer's to its own rounding."""
    ldi = scene()
    painted = LDI(np.repeat(ldi.disparity, 3, axis=1), ldi.disparity, ldi.occupancy)
    seen = render(painted, place(page, *where))
    read = page.pixels(mode="data").astype(float)
    covered = seen.coverage > 0.5
    nearness = (read[..., 0] * 256 + read[..., 1]) / 65535
    expected = seen.rgb[..., 0] / np.minimum(
        np.maximum(seen.coverage, 1e-4) / np.maximum(seen.coverage, 0.5), 1
    )
    np.testing.assert_allclose(read[..., 2] / 255, seen.coverage, atol=0.01)
    apart = np.abs(nearness - expected)[covered]
    assert apart.mean() < 2e-4 and (apart > 0.01).mean() < 0.002


def test_holes_are_painted_unless_asked(page):
    place(page, 0, 1, 1.0, 0.5)
    assert (page.pixels()[..., :3].max(axis=2) < 10).mean() > 0.005
    page.evaluate("ldikit.setLook({fill: true})")
    assert (page.pixels()[..., :3].max(axis=2) < 10).mean() == 0


def test_mouse(page):
    for x in (200, 240, 440):
        page.mouse("mouseMoved", x, 200)
    page.until("ldikit.state().camera.x > 0.4")  # the camera follows the pointer
    before = camera(page)["x"]
    page.mouse("mousePressed", 300, 200, button="left", buttons=1, clickCount=1)
    for x in range(300, 420, 20):
        page.mouse("mouseMoved", x, 200, button="left", buttons=1)
    page.mouse("mouseReleased", 400, 200, button="left", clickCount=1)
    page.until(f"ldikit.state().camera.x < {before} - 0.2")  # what is near follows the drag
    zoom = camera(page)["zoom"]
    page.mouse("mouseWheel", 240, 200, deltaX=0, deltaY=-200)
    page.until(f"ldikit.state().camera.zoom > {zoom} * 1.2")


def test_keyboard(page):
    start = camera(page)
    page.key("ArrowRight")
    page.until("ldikit.state().camera.x > 0.1")
    page.key("ArrowUp")
    page.until("ldikit.state().camera.y < -0.1")
    page.key("+")
    page.until(f"ldikit.state().camera.zoom > {start['zoom']} * 1.1")
    page.key("Home")
    page.until("Math.abs(ldikit.state().camera.x) < 1e-3")
    assert camera(page)["zoom"] == pytest.approx(start["zoom"], abs=1e-3)
    for key, told in (("d", "look.mode === 'depth'"), ("g", "look.grid"), ("1", "look.layers[0] === false")):
        page.key(key)
        assert page.evaluate(f"Boolean(ldikit.state().{told})")
    assert "hidden" in page.evaluate("document.getElementById('live').textContent")
    page.key(" ")
    assert page.state()["swaying"] is True
    page.key(" ")
    assert page.state()["swaying"] is False
    page.key("?")
    assert page.evaluate("document.getElementById('keys').open")
    page.evaluate(
        "document.getElementById('letters').click()"
    )  # speech input must be able to turn letters off
    page.key("Escape", "Escape")
    page.until("!document.getElementById('keys').open")
    mode = page.state()["look"]["mode"]
    page.key("d")
    assert page.state()["look"]["mode"] == mode
    page.evaluate("document.getElementById('letters').click()")


def test_every_control_is_named_and_reached_by_tab(page):
    visible = "[...document.querySelectorAll('button, input')].filter((e) => e.checkVisibility())"
    names = page.evaluate(f"{visible}.map((e) => e.ariaLabel || e.labels?.[0]?.textContent.trim() || '')")
    assert len(names) >= 6 and all(names)
    page.evaluate("document.getElementById('canvas').focus()")
    reached = []
    for _ in range(len(names)):
        page.key("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.until("getComputedStyle(document.getElementById('controls')).opacity > 0.9")
    assert reached == page.evaluate(f"{visible}.map((e) => e.id)")


def test_camera_stays_within_reach_however_far_it_is_pushed(page):
    for _ in range(12):
        page.key("ArrowRight")
        page.key("ArrowDown")
    goal = page.state()["goal"]
    assert 0.8 * REACH < np.hypot(goal["x"], goal["y"]) <= REACH
    page.until("Math.abs(ldikit.state().camera.x - ldikit.state().goal.x) < 1e-2")
    page.evaluate("ldikit.setLook({fill: false})")
    assert (page.pixels(mode="data")[..., 2] < 128).mean() < 0.03


def test_device_orientation(page):
    def hold(beta, gamma):
        pose = f"{{alpha: 0, beta: {beta}, gamma: {gamma}}}"
        page.evaluate(f"dispatchEvent(new DeviceOrientationEvent('deviceorientation', {pose}))")

    hold(40, 0)  # the first says that there is such a sensor: tilt is on, and offered
    assert page.state()["tilting"] and page.evaluate("!document.getElementById('tilt').hidden")
    hold(40, 0)
    hold(40, 9)
    page.until("ldikit.state().camera.x > 0.3")
    hold(49, 0)
    page.until("ldikit.state().camera.y > 0.3")
    page.evaluate("document.getElementById('tilt').click()")
    assert not page.state()["tilting"]
    page.until("Math.abs(ldikit.state().camera.y) < 1e-2")


def test_layers_switch_off(page):
    place(page, 0, 0, 1.0, 0.5)
    page.evaluate("ldikit.setLook({layers: [false, true, true]})")
    read = page.pixels(mode="data")
    hidden = scene().occupancy[1, 0] > 0
    assert (read[hidden][:, 2] == 255).all() and (read[~hidden][:, 2] < 128).mean() > 0.95


def test_refocus_on_what_is_tapped(page):
    def sharpness(rows, columns):
        shown = page.screenshot().astype(float).mean(axis=2)[rows, columns]
        return np.abs(np.diff(shown, axis=1)).mean()

    far = (slice(60, 340), slice(400, 470))
    sharp = sharpness(*far)
    page.key("r")
    assert page.evaluate("document.activeElement.id") == "aperture"
    page.key("ArrowRight")
    page.until("ldikit.state().look.aperture > 0")
    page.key("Escape", "Escape")
    assert page.evaluate("document.getElementById('refocus-panel').hidden")
    page.mouse("mousePressed", 187, 130, button="left", clickCount=1)
    page.mouse("mouseReleased", 187, 130, button="left", clickCount=1)
    page.until("ldikit.state().look.plane > 0.6")
    assert page.state()["look"]["plane"] == pytest.approx(0.8, abs=0.11)  # the disc
    page.evaluate("ldikit.setLook({aperture: 1})")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert sharpness(*far) < 0.7 * sharp


def test_bad_cameras_are_refused(page):
    said = page.evaluate(
        "(() => { try { ldikit.setCamera({zoom: 0}) } catch (error) { return String(error) } })()"
    )
    assert "above 0" in said


def test_touch_on_a_small_screen(browser, file):
    page = browser.open(file, size=(320, 480), touch=True)
    page.evaluate("ldikit.setCamera({x: 0, y: 0})")
    page.touches("touchStart", (160, 200))
    for x in range(150, 90, -10):
        page.touches("touchMove", (x, 200))
    page.touches("touchEnd")
    page.until("ldikit.state().camera.x > 0.2")
    zoom = camera(page)["zoom"]
    page.touches("touchStart", (140, 200), (180, 200))
    page.touches("touchMove", (100, 200), (220, 200))
    page.touches("touchEnd")
    page.until(f"ldikit.state().camera.zoom > {zoom} * 1.3")
    page.evaluate("window.bar = document.getElementById('bar').getBoundingClientRect()")
    assert page.evaluate("bar.left >= 0 && bar.right <= 320 && bar.bottom <= 480 && bar.height < 60")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.problems() == []
    page.close()


def test_sways_alone_and_not_for_those_who_want_less_motion(browser, file):
    page = browser.open(file)
    page.until("Math.abs(ldikit.state().camera.x) > 0.02")
    page.close()
    calm = browser.open(file, media={"prefers-reduced-motion": "reduce"})
    assert calm.state()["swaying"] is False
    drawn = calm.evaluate("new Promise((done) => setTimeout(() => done(ldikit.state().frames), 300))")
    later = calm.evaluate("new Promise((done) => setTimeout(() => done(ldikit.state().frames), 1500))")
    assert later == drawn  # nothing changes, so nothing is drawn
    assert (camera(calm)["x"], camera(calm)["y"]) == (0, 0)
    calm.mouse("mouseMoved", 400, 200)
    calm.key("ArrowLeft")  # what they do themselves works, at once
    calm.until("ldikit.state().frames > 0 && ldikit.state().camera.x < -0.1")
    assert calm.problems() == []
    calm.close()


def test_compares_two_under_one_camera(browser, tmp_path):
    path = tmp_path / "compare.html"
    blue = scene((0.1, 0.1, 1.0))
    blue.color[0, :2] *= 0.1
    write_viewer(path, scene(), other=blue, names=("fp32", "int8"), parallax=PARALLAX)
    page = browser.open(path)
    page.evaluate("ldikit.setCamera({x: 0.3, y: 0})")
    assert page.evaluate("[...document.querySelectorAll('.names span')].map((e) => e.textContent)") == [
        "fp32",
        "int8",
    ]

    def red_until():
        row = page.screenshot()[100:140].astype(float).mean(axis=0)
        return int((row[:, 0] > 0.35 * row[:, 2]).sum())

    middle = red_until()
    assert 200 < middle < 280
    page.evaluate("document.getElementById('split').focus()")
    before = camera(page)["x"]
    for _ in range(20):
        page.key("ArrowRight")
    page.until("ldikit.state().split > 0.65")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert red_until() > middle + 60
    assert camera(page)["x"] == before
    assert page.evaluate("document.getElementById('split').ariaValueText") == "70 % fp32"
    ours = page.pixels(scene=1, mode="data")
    np.testing.assert_array_equal(ours, page.pixels(scene=0, mode="data"))
    assert page.problems() == [] and page.requests() == []
    page.close()


def test_shows_the_photo_and_says_so_when_the_context_is_lost_and_comes_back(browser, file):
    page = browser.open(file, media={"prefers-reduced-motion": "reduce"})
    page.evaluate("window.context = document.getElementById('canvas').getContext('webgl2')")
    page.evaluate("window.loss = context.getExtension('WEBGL_lose_context')")
    page.evaluate("loss.loseContext()")
    page.until("!document.getElementById('notice').hidden")
    assert "shown flat" in page.evaluate("document.getElementById('notice').textContent")
    assert page.screenshot()[100:300, 100:380].std() > 20
    page.evaluate("loss.restoreContext()")
    page.until("document.getElementById('notice').hidden")
    page.evaluate("ldikit.setCamera({x: 1})")
    assert page.pixels()[..., :3].std() > 20
    page.close()


def test_shows_the_photo_and_says_so_without_webgl(flat_browser, file):
    page = flat_browser.open(file)
    assert page.runs is False
    assert "WebGL 2" in page.evaluate("document.getElementById('notice').textContent")
    assert page.evaluate("document.getElementById('notice').checkVisibility()")
    assert not page.evaluate("document.getElementById('bar').checkVisibility()")
    shown = page.screenshot()
    assert shown[100:300, 100:380].std() > 20
    assert page.requests() == []
