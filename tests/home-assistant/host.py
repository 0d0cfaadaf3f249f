"""A Raspberry Pi's small files, in a system whose /sys is empty: heat, clock, throttling, network."""

from pathlib import Path

TEMPERATURE = Path("/sys/class/hwmon/hwmon0/temp1_input")
FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
NETWORK = Path("/sys/class/net/eth0/statistics")
COUNTERS = [f"{way}_{what}" for way in ("rx", "tx") for what in ("bytes", "packets", "errors", "dropped", "compressed")]


def pretend() -> None:
    """Makes the files; does nothing to a /sys that is this machine's."""
    if Path("/sys/kernel").exists():
        raise SystemExit("/sys is a real one; run this by tests/home-assistant/run")
    for file, text in (
        (TEMPERATURE.with_name("name"), "cpu_thermal"),
        (TEMPERATURE, "48312"),
        (FREQUENCY, "1500000"),
        (THROTTLED, "0"),
        (NETWORK.parent / "address", "00:00:5e:00:53:01"),
        *((NETWORK / counter, "123456") for counter in COUNTERS),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
