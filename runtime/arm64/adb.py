"""An attached Android device, by the program `adb`."""

import os
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...reference.errors import BackendUnavailableError, InputError

# For one command; pushing the root over a slow cable takes minutes.
LIMIT_S = 900.0
# The only folder where a shell may write and start programs.
FOLDER = "/data/local/tmp/ldikit"
SERIAL_VARIABLE = "ANDROID_SERIAL"


@dataclass(frozen=True)
class State:
    """How warm and how charged a device is; None where it does not tell.

    Attributes:
        battery_percent: of its charge.
        battery_celsius: of the battery.
        charging: it is plugged in, which warms it.
        thermal_status: 0 none, 1 light, 2 moderate, 3 severe, … (android.os.PowerManager).
    """

    battery_percent: int | None
    battery_celsius: float | None
    charging: bool | None
    thermal_status: int | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Device:
    """One attached device. Made by `attached`.

    Args:
        adb: path of the program.
        serial: of the device.
    """

    def __init__(self, adb: str, serial: str) -> None:
        self.adb, self.serial = adb, serial

    def command(self, line: str) -> list[str]:
        """Return what runs a line in the device's shell, without a terminal."""
        return [self.adb, "-s", self.serial, "shell", "-T", line]

    def shell(self, line: str) -> str:
        """Run a line in the device's shell and return what it prints.

        Raises:
            InputError: it fails.
            BackendUnavailableError: the device is gone.
        """
        return _run(self.command(line))

    def push(self, path: Path, target: str) -> None:
        """Copy a file onto the device.

        Raises:
            InputError: it cannot be written there.
            BackendUnavailableError: the device is gone.
        """
        _run([self.adb, "-s", self.serial, "push", str(path), target])

    def properties(self) -> dict[str, str]:
        """Return Android's properties of the device."""
        return dict(re.findall(r"^\[(.+?)\]: \[(.*?)\]\s*$", self.shell("getprop"), re.MULTILINE))

    def state(self) -> State:
        """Read battery and heat."""
        return parse_state(self.shell("dumpsys battery"), self.shell("dumpsys thermalservice || true"))


def attached() -> Device:
    """Return the device that is attached; of several the one that ANDROID_SERIAL names.

    Raises:
        BackendUnavailableError: there is no adb, no device, or none that allows to be used.
        InputError: there are several and none is named.
    """
    adb = shutil.which("adb")
    if adb is None:
        raise BackendUnavailableError("adb is not on the path: install Android's platform tools")
    lines = [line.split("\t") for line in _run([adb, "devices"]).splitlines() if "\t" in line]
    states = {line[0]: line[1].strip() for line in lines}
    wanted = os.environ.get(SERIAL_VARIABLE)
    if wanted:
        states = {wanted: states[wanted]} if wanted in states else {}
    ready = [serial for serial, state in states.items() if state == "device"]
    if not ready:
        said = ", ".join(f"{serial} is {state}" for serial, state in states.items())
        raise BackendUnavailableError(f"no Android device is attached{f': {said}' if said else ''}")
    if len(ready) > 1:
        raise InputError(f"several devices are attached: set {SERIAL_VARIABLE} to one of {', '.join(ready)}")
    return Device(adb, ready[0])


def parse_state(battery: str, thermal: str) -> State:
    """Read what `dumpsys battery` and `dumpsys thermalservice` print; tenths of a degree become degrees."""
    level = re.search(r"^\s*level: (\d+)", battery, re.MULTILINE)
    tenths = re.search(r"^\s*temperature: (-?\d+)", battery, re.MULTILINE)
    powered = re.findall(r"powered: (true|false)", battery)
    status = re.search(r"Thermal Status: (\d+)", thermal)
    return State(
        int(level[1]) if level else None,
        int(tenths[1]) / 10 if tenths else None,
        "true" in powered if powered else None,
        int(status[1]) if status else None,
    )


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BackendUnavailableError(f"adb gave no answer within {LIMIT_S:g} s") from error
    except OSError as error:
        raise BackendUnavailableError(f"adb does not run: {error}") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()
        # adb's own complaints, not those of a command on the device.
        gone = lines[-1].startswith(("error: ", "adb: device", "adb: no devices"))
        said = f"the device failed at `{command[-1][:60]}`: {lines[-1][:300]}"
        raise BackendUnavailableError(f"the device is gone: {lines[-1][:300]}") if gone else InputError(said)
    return done.stdout
