"""How long an emulated inference takes, told before it is begun."""

# Seconds of processor time for 10⁹ multiply-accumulates, on one core of a desk's x86 processor of 2024 (QEMU
# 10.0, `ldikit verify --arm64` of the pocket program). fp16 is slow as QEMU computes it in software.
SECONDS_PER_GMAC = {"fp32": 7.0, "fp16": 14.0, "int8": 3.0, "w8": 7.0}
# Starting Python and the runtime, opening the file.
START_S = 6.0


def seconds(macs: int, precision: str, runs: int) -> float:
    """Estimate how long a guest takes to open a file and infer `runs` times.

    Args:
        macs: multiply-accumulates of one inference (`profiling.macs.count_macs`).
        precision: of the file.
        runs: how often.
    """
    return START_S + runs * macs / 1e9 * SECONDS_PER_GMAC.get(precision, SECONDS_PER_GMAC["fp32"])


def in_words(total: float) -> str:
    """Write a time for people: seconds below two minutes, else minutes."""
    return f"about {max(1, round(total))} s" if total < 120 else f"about {round(total / 60)} min"
