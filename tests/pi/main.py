"""Starts a Mosquitto and an emulated Pi, and runs the checks one after the other."""

import argparse
import json
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from broker import Broker
from pi import Pi
from wire import CHIP, DARK, OUTPUTS, PROBE, Transfer, frame

WORK = Path("/work")
ALL = range(1, 19)
STOP = 'kill -TERM "$(pidof piglow-node)"; until [ -e /tmp/exit ]; do usleep 50000; done; cat /tmp/exit'
# The header's controller, and the file of the bus as the rules of Raspberry Pi OS leave it.
CONTROLLER = "3f804000.i2c"
OTHER_CONTROLLERS = "3f205000.i2c 3f805000.i2c"
DRIVER = "/sys/bus/platform/drivers/i2c-bcm2835"
RULES = "chgrp i2c /dev/i2c-1; chmod 660 /dev/i2c-1"
ADAPTER = "/sys/bus/i2c/devices/i2c-1"


class World:
    """Everything that runs; each check finds the node running and leaves it running."""

    def __init__(self, folder: Path) -> None:
        self.broker = Broker(folder)
        # A level is a step of the chip's then, and can be told from the command.
        settings = {
            "PIGLOW_NODE__ID": "pi",
            "PIGLOW_MQTT__URL": f"mqtt://10.0.2.2:{self.broker.port}",
            "PIGLOW_LIGHT__GAMMA": "1.0",
            "PIGLOW_LIGHT__BRIGHTNESS_LIMIT": "255",
            "PIGLOW_LIGHT__STATE_FILE": "",
        }
        self.pi = Pi(folder, settings)
        self.wire = self.pi.wire
        self.commands = 0
        # Transfers that are the kernel's own.
        self.foreign: set[int] = set()

    def command(self, content: dict, segment: str = "") -> dict:
        """Sends a command and waits for its answer."""
        self.commands += 1
        number = f"c{self.commands}"
        topic = f"piglow/pi/light/{segment}/set" if segment else "piglow/pi/light/set"
        self.broker.publish(topic, json.dumps({"id": number, **content}))
        return self.broker.result(number)

    def stop(self) -> str:
        """Stops the node as systemd does; its exit code."""
        return self.pi.shell(STOP)

    def start(self, user: str = "piglow", settings: str = "") -> int:
        """Starts the node; where in what is heard its words begin."""
        since = len(self.broker.heard.said)
        self.pi.shell(f"{settings} node {user}")
        self.broker.available("online", since)
        return since

    def doctor(self, user: str = "piglow", settings: str = "") -> dict[str, dict]:
        """What the doctor finds of the panel, asked by this user: each check's finding."""
        said = self.pi.shell(f"{settings} su -s /bin/sh {user} -c 'exec piglow-node doctor --json' 2>/dev/null")
        findings = json.loads(said)["findings"]
        return {finding["check"]: finding for finding in findings if finding["section"] == "panel"}

    def end(self) -> None:
        self.pi.end()
        self.broker.end()


def lit(level: int, *leds: int) -> list[int]:
    """A board on which these LEDs have this level, and the others are dark."""
    return [level if led in leds else 0 for led in ALL]


def expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, expected {wanted!r}")


def expect_detail(health: dict, *parts: str) -> str:
    detail = health["panel"]["detail"]
    for part in parts:
        if part not in detail:
            raise AssertionError(f"{detail!r} does not say {part!r}")
    return detail


def the_first_light_comes_with_the_system(world: World) -> str:
    """The node is started by the first process; nobody has commanded anything."""
    wire = world.wire

    def light() -> Transfer | None:
        return next((transfer for transfer in wire.transfers() if any(transfer.leds or [])), None)

    first = wire.trace.wait("the first light", light)
    transfers = wire.transfers()
    expect(bytes(transfers[0].data), PROBE, "the first transfer asks whether the chip is there")
    expect([len(transfer.data) for transfer in transfers[1:]], [24] * (len(transfers) - 1), "all others are frames")
    found, shown = transfers[0].began - world.pi.began, first.began - world.pi.began
    return f"chip found {found:.1f} s, first light {shown:.1f} s after power-on"


def the_bus_is_the_headers_under_the_kernels_driver(world: World) -> str:
    pi = world.pi
    expect(pi.shell("cat /proc/device-tree/model | tr -d '\\0'"), "Raspberry Pi 3 Model B", "the model")
    expect(pi.shell(f"cat {ADAPTER}/name"), "bcm2835 (i2c@7e804000)", "the adapter")
    expect(pi.shell(f"basename $(readlink -f $(readlink -f {ADAPTER})/../driver)"), "i2c-bcm2835", "its driver")
    return f"Linux {pi.shell('uname -r')}, bcm2835 (i2c@7e804000)"


def the_node_is_an_ordinary_user_of_the_group_i2c(world: World) -> str:
    status = world.pi.shell('cat "/proc/$(pidof piglow-node)/status"')
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    expect(fields["Uid"].split(), ["1000"] * 4, "its user")
    expect(fields["Gid"].split(), ["998"] * 4, "its group")
    expect(int(fields["CapEff"], 16), 0, "its capabilities")
    expect(world.pi.shell("stat -c '%a %G' /dev/i2c-1"), "660 i2c", "the device file")
    return f"{int(fields['VmRSS'].split()[0]) / 1024:.1f} MiB resident, {fields['Threads']} threads"


def the_node_is_online_and_says_where_it_runs(world: World) -> str:
    broker = world.broker
    broker.available("online")
    broker.panel("ok")
    info = json.loads(broker.payloads("piglow/pi/info")[-1])
    expect(info["host"]["model"], "Raspberry Pi 3 Model B", "the model in its description")
    answer = world.pi.shell("su -s /bin/sh piglow -c 'piglow-node health --require broker,panel; echo $?'")
    expect(answer.splitlines()[-1], "0", f"the exit code of its health ({answer})")
    return answer.splitlines()[0]


def the_doctor_finds_nothing_wrong_with_the_panel(world: World) -> str:
    findings = world.doctor()
    for check in ("i2c", "module", "device", "header", "access", "driver", "chip"):
        expect(findings[check]["level"], "ok", f"its word on `{check}` ({findings[check]['text']})")
    return f"{findings['header']['text']}; {findings['speed']['text']}"


def expect_diagnosis(findings: dict[str, dict], check: str, command: str) -> None:
    """The doctor blames one thing, and has a command for it."""
    failed = [name for name, finding in findings.items() if finding["level"] == "fail"]
    if check not in failed:
        raise AssertionError(f"the doctor blames {failed}, expected {check}: {findings}")
    steps = [step.get("run", step.get("do", "")) for step in findings[check]["fix"]]
    if not any(command in step for step in steps):
        raise AssertionError(f"the doctor says {steps} to `{check}`, expected {command!r}")


def what_is_commanded_is_on_the_bus_byte_for_byte(world: World) -> str:
    red, top = (1, 7, 13), (1, 2, 3, 4, 5, 6)
    # Each level names its LED.
    each = [10 * led for led in ALL]
    commands = [
        ({"leds": each}, "", each),
        ({"color": "#ff0000", "brightness": 255}, "", lit(255, *red)),
        ({"state": "OFF"}, "", lit(0)),
        ({"brightness": 100}, "arm/top", lit(100, *top)),
        ({"brightness": 200}, "led/18", [*lit(100, *top)[:17], 200]),
        ({"state": "OFF"}, "led/2", [100, 0, 100, 100, 100, 100, *lit(0)[6:17], 200]),
    ]
    latencies = []
    for content, segment, leds in commands:
        answer = world.command({**content, "transition": 0}, segment)
        expect(answer["status"], "shown", f"{segment or 'board'} {content}")
        latencies.append(answer["latency_ms"])
        world.wire.shows(f"{content} at {segment or 'the board'}", frame(leds))
    return f"{len(commands)} commands, shown {min(latencies):.1f} to {max(latencies):.1f} ms after they came"


def a_moving_picture_is_whole_frames(world: World) -> str:
    first = len(world.wire.transfers())
    answer = world.command({"effect": "breathe", "params": {"breaths_per_minute": 60}})
    expect(answer["status"], "shown", "the effect")
    wanted = first + 60

    def enough() -> list[Transfer] | None:
        made = world.wire.transfers()
        return made[first:] if len(made) >= wanted else None

    made = world.wire.trace.wait("60 frames", enough)
    expect({len(transfer.data) for transfer in made}, {24}, "the lengths of the transfers")
    pictures = {bytes(transfer.data) for transfer in made}
    if len(pictures) < 20:
        raise AssertionError(f"only {len(pictures)} different pictures in {len(made)} frames")
    world.command({"leds": lit(20, 4), "transition": 0})
    world.wire.shows("a still picture", frame(lit(20, 4)))
    secs = made[-1].began - made[0].began
    return f"{len(made)} frames, {(len(made) - 1) / secs:.0f} a second, {len(pictures)} different pictures"


def the_driver_clocks_the_bus_at_100_khz(world: World) -> str:
    """The emulated controller does not take the time; what the driver sets is what a real one would obey."""
    hertz = int(world.pi.shell(f"cat /sys/kernel/debug/clk/{CONTROLLER}_div/clk_rate"))
    if not 95_000 <= hertz <= 100_000:
        raise AssertionError(f"the driver has set {hertz} Hz")
    # A start, 25 bytes of 8 bits and an acknowledgement, a stop.
    return f"the driver has set {hertz} Hz: {(25 * 9 + 2) / hertz * 1000:.2f} ms a frame on a real bus"


def a_bus_without_the_board_is_told_with_a_next_step(world: World) -> str:
    """The header's other bus, which nothing is on: the address is not acknowledged."""
    world.stop()
    since = world.start(settings="PIGLOW_PANEL__BUS=/dev/i2c-0")
    detail = expect_detail(world.broker.panel("missing", since), "no device answers at 0x54 on /dev/i2c-0", "seated")
    expect(world.command({"brightness": 9}, "led/1")["status"], "accepted", "a command meanwhile")
    expect_diagnosis(world.doctor(settings="PIGLOW_PANEL__BUS=/dev/i2c-0"), "header", "--bus /dev/i2c-1")
    world.stop()
    world.start()
    return detail


def a_user_outside_of_the_group_is_told_the_command(world: World) -> str:
    world.stop()
    since = world.start("guest")
    detail = expect_detail(world.broker.panel("denied", since), "permission denied on /dev/i2c-1", "usermod -aG i2c")
    expect_diagnosis(world.doctor("guest"), "access", "sudo usermod -aG i2c guest")
    # The rules come late: nothing needs a restart.
    world.pi.shell("chmod 666 /dev/i2c-1")
    world.broker.panel("ok", since)
    world.pi.shell(RULES)
    world.stop()
    world.start()
    return detail


def a_kernel_driver_at_the_address_is_named(world: World) -> str:
    """The kernel's EEPROM driver stands for the LED driver of that name, which Debian does not build."""
    world.stop()
    first = len(world.wire.transfers())
    world.pi.shell(f"insmod /modules/at24.ko; echo 24c02 {CHIP:#x} >{ADAPTER}/new_device")
    expect(world.pi.shell(f"cat {ADAPTER}/1-0054/name"), "24c02", "the driver's device")
    world.foreign.update(range(first, len(world.wire.transfers())))
    since = world.start()
    detail = expect_detail(world.broker.panel("busy", since), "address 0x54 on /dev/i2c-1", "kernel driver", "unbind")
    expect_diagnosis(world.doctor(), "driver", "echo 1-0054 | sudo tee /sys/bus/i2c/drivers/at24/unbind")
    answer = world.command({"leds": lit(40, 12), "transition": 0})
    expect(answer["status"], "accepted", "a command meanwhile")
    world.pi.shell(f"echo {CHIP:#x} >{ADAPTER}/delete_device")
    world.wire.shows("the picture of the command", frame(lit(40, 12)))
    world.broker.panel("ok", since)
    return detail


def a_bus_that_is_unbound_is_missed_and_found_again(world: World) -> str:
    """The kernel takes the bus away when nobody has it open any more: after the transfer that nobody ends."""
    since = len(world.broker.heard.said)
    # The controllers share an interrupt, which the others would find to be nobody's.
    world.pi.shell(f"for other in {OTHER_CONTROLLERS}; do echo $other >{DRIVER}/unbind; done")
    world.pi.shell(f"sh -c 'echo {CONTROLLER} >{DRIVER}/unbind' </dev/null >/dev/null 2>&1 &")
    world.pi.until("the driver to let go", f"grep -q {CONTROLLER} /proc/interrupts || echo gone", "gone")
    answer = world.command({"leds": lit(30, 9), "transition": 0})
    expect(answer["status"], "accepted", "a command meanwhile")
    detail = expect_detail(world.broker.panel("missing", since), "/dev/i2c-1 does not exist", "raspi-config nonint do_i2c 0")
    since = len(world.broker.heard.said)
    world.pi.shell(f"echo {CONTROLLER} >{DRIVER}/bind; {RULES}")
    world.wire.shows("the picture of the command", frame(lit(30, 9)))
    world.broker.panel("ok", since)
    return f"{answer['panel'].partition(';')[0]}; then {detail.partition(';')[0]}"


def stopped_the_node_leaves_the_board_dark(world: World) -> str:
    world.command({"leds": lit(255, *ALL), "transition": 0})
    world.wire.shows("a bright picture", frame(lit(255, *ALL)))
    since = len(world.broker.heard.said)
    expect(world.stop(), "0", "the exit code after SIGTERM")
    world.wire.shows("darkness", DARK)
    world.broker.available("offline", since)
    made = len(world.wire.transfers())
    expect(world.pi.shell("pidof piglow-node || echo none"), "none", "its processes")
    expect(len(world.wire.transfers()), made, "transfers when nobody is there any more")
    return "exit code 0, offline, the last transfer shuts the chip down"


def nothing_else_was_ever_on_the_bus(world: World) -> str:
    counted = {"probes": 0, "frames": 0, "shutdowns": 0}
    for index, transfer in enumerate(world.wire.transfers()):
        if index in world.foreign:
            continue
        data = bytes(transfer.data)
        if transfer.address != CHIP or transfer.read:
            raise AssertionError(f"transfer {index} is not a write to {CHIP:#x}: {transfer}")
        if data == PROBE:
            counted["probes"] += 1
        elif data == DARK:
            counted["shutdowns"] += 1
        elif (leds := transfer.leds) is not None and data == frame(leds):
            counted["frames"] += 1
        else:
            raise AssertionError(f"transfer {index} is none of ours: {transfer}")
    expect(len(set(OUTPUTS)), 18, "the outputs")
    return ", ".join(f"{count} {name}" for name, count in counted.items()) + "; no cut transfer, no read, no other address"


CHECKS = [
    the_first_light_comes_with_the_system,
    the_bus_is_the_headers_under_the_kernels_driver,
    the_node_is_online_and_says_where_it_runs,
    the_node_is_an_ordinary_user_of_the_group_i2c,
    the_driver_clocks_the_bus_at_100_khz,
    the_doctor_finds_nothing_wrong_with_the_panel,
    what_is_commanded_is_on_the_bus_byte_for_byte,
    a_moving_picture_is_whole_frames,
    a_bus_without_the_board_is_told_with_a_next_step,
    a_user_outside_of_the_group_is_told_the_command,
    a_kernel_driver_at_the_address_is_named,
    a_bus_that_is_unbound_is_missed_and_found_again,
    stopped_the_node_leaves_the_board_dark,
    nothing_else_was_ever_on_the_bus,
]


def run(world: World) -> int:
    """Runs the checks in their order, up to the first that fails: those after it would find another Pi than they expect."""
    for number, check in enumerate(CHECKS):
        started = time.monotonic()
        name = check.__name__.replace("_", " ")
        try:
            figures = check(world)
        except Exception as error:  # noqa: BLE001 whatever went wrong, it is told as that of this check
            traceback.print_exception(error)
            print(f"FAILED {time.monotonic() - started:5.1f} s  {name}", flush=True)
            return number
        print(f"ok     {time.monotonic() - started:5.1f} s  {name}\n                 {figures}", flush=True)
    return len(CHECKS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/pi/run")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="run.", dir=WORK))
    world = World(folder)
    passed = 0
    try:
        passed = run(world)
        if passed < len(CHECKS):
            print("\n  ".join(["the node's log:", *world.pi.shell("cat /tmp/log").splitlines()]))
    finally:
        world.end()
        if passed < len(CHECKS) or args.keep:
            print(f"console, bus and messages: target/pi/{folder.name}")
        else:
            shutil.rmtree(folder)
    print(f"{passed} passed, {len(CHECKS) - passed} failed on an emulated Raspberry Pi 3")
    return 0 if passed == len(CHECKS) else 1


if __name__ == "__main__":
    sys.exit(main())
