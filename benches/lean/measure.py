"""The node beside its peers and the floor, all on one machine at one time; see `benches/lean/run --help`.

Each round starts every program, one after the other, quick ones several times, and takes the time until its first message and its
first light. Then all run side by side, and what the kernel counts for each is read twice, `--secs` apart. Figures are medians over
the rounds, with the lowest and the highest; goals are ratios of the same round.
"""

import argparse
import json
import mmap
import os
import pathlib
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time


class Broker:
    """A Mosquitto of the benchmark's own."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
        )
        self.process = subprocess.Popen(["mosquitto", "-c", config], stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.01)


def text(words):
    return struct.pack(">H", len(words)) + words.encode()


class Ear(threading.Thread):
    """Hears everything, and remembers when each first level of a topic was heard first, and what came last."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connect = text("MQTT") + bytes([4, 2]) + struct.pack(">H", 0) + text("ear")
        subscribe = struct.pack(">H", 1) + text("#") + bytes([0])
        for kind, packet in [(0x10, connect), (0x82, subscribe)]:
            self.socket.sendall(bytes([kind, len(packet)]) + packet)
        self.first = {}
        self.latest = {}
        self.changed = threading.Condition()
        self.start()

    def run(self):
        stream = self.socket.makefile("rb")
        while kind := stream.read(1):
            length = shift = 0
            while True:
                byte = stream.read(1)[0]
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            packet = stream.read(length)
            if kind[0] >> 4 != 3:
                continue
            at = time.monotonic_ns()
            size = 2 + struct.unpack(">H", packet[:2])[0]
            topic = packet[2:size].decode()
            with self.changed:
                self.first.setdefault(self.root(topic), at)
                self.latest[topic] = packet[size:]
                self.changed.notify_all()

    @staticmethod
    def root(topic):
        levels = topic.split("/")
        return "/".join(levels[:2]) if levels[0] == "piglow" else levels[0]

    def wait_for(self, root, limit):
        with self.changed:
            self.changed.wait_for(lambda: root in self.first, limit)
            return self.first.get(root)

    def forget(self, root=None):
        """What was first: of this one, or of all."""
        with self.changed:
            for known in [root] if root else list(self.first):
                self.first.pop(known, None)


class Bus:
    """What the preloaded stand-in for /dev/i2c-1 counts."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(24))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 24)

    def read(self):
        return struct.unpack("QQQ", self.map)


class Subject:
    """A program under measurement."""

    def __init__(self, name, command, root=None, bus=False, files=(), environment=None, starts=1):
        self.name = name
        self.command = [str(word) for word in command]
        self.root = root
        self.uses_bus = bus
        self.files = [pathlib.Path(file) for file in files]
        self.environment = environment or {}
        self.starts = starts

    def begin(self, folder, ear, stand_in):
        """Starts it, at last to stay; the medians of its starts."""
        starts = []
        for number in range(self.starts):
            ear.forget(self.root)
            starts.append(self.start(folder, ear, stand_in))
            if number + 1 < self.starts:
                self.stop()
                # Its last word may still be on its way.
                time.sleep(0.1)
        return {name: statistics.median(start[name] for start in starts) for name in starts[0]}

    def start(self, folder, ear, stand_in):
        self.bus = Bus(folder / f"{self.name}.bus") if self.uses_bus else None
        environment = dict(os.environ, **self.environment)
        for name in [name for name in environment if name.startswith("PIGLOW_")]:
            del environment[name]
        if self.bus:
            environment |= {"LD_PRELOAD": str(stand_in), "BUS_COUNTS": str(self.bus.path)}
        log = os.open(folder / f"{self.name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDWR)
        begin = time.monotonic_ns()
        self.id = os.posix_spawn(
            self.command[0],
            self.command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
        )
        os.close(log)
        os.close(nothing)
        figures = {}
        if self.root:
            heard = ear.wait_for(self.root, 20)
            if heard is None:
                sys.exit(f"{self.name} published nothing; see {folder / self.name}.log")
            figures["first publish (ms)"] = (heard - begin) / 1e6
        if self.bus:
            deadline = time.monotonic() + 20
            while not self.bus.read()[2] and time.monotonic() < deadline:
                time.sleep(0.01)
            if not self.bus.read()[2]:
                sys.exit(f"{self.name} lit nothing; see {folder / self.name}.log")
            figures["first LED (ms)"] = (self.bus.read()[2] - begin) / 1e6
        return figures

    def stop(self):
        os.kill(self.id, signal.SIGTERM)
        for _ in range(500):
            if os.waitpid(self.id, os.WNOHANG)[0]:
                return
            time.sleep(0.01)
        os.kill(self.id, signal.SIGKILL)
        os.waitpid(self.id, 0)

    def read(self):
        """What the kernel has counted so far."""
        process = pathlib.Path(f"/proc/{self.id}")
        run = woken = threads = 0
        for task in (process / "task").iterdir():
            run += int((task / "schedstat").read_text().split()[0])
            woken += field((task / "status").read_text(), "voluntary_ctxt_switches")
            threads += 1
        rollup = (process / "smaps_rollup").read_text()
        transfers = self.bus.read()[0] if self.bus else 0
        return {
            "at": time.monotonic_ns(),
            "run": run,
            "woken": woken,
            "threads": threads,
            "resident": field(rollup, "Rss") / 1024,
            "dirty": field(rollup, "Private_Dirty") / 1024,
            "written": field((process / "io").read_text(), "write_bytes"),
            "wire": wire(self.id),
            "transfers": transfers,
        }

    def figures(self, before, after):
        seconds = (after["at"] - before["at"]) / 1e9
        rate = lambda name: (after[name] - before[name]) / seconds
        return {
            "CPU (% of a core)": rate("run") / 1e7,
            "resident (MiB)": after["resident"],
            "private dirty (MiB)": after["dirty"],
            "wake-ups /s": rate("woken"),
            "threads": after["threads"],
            "disk writes (B/s)": rate("written"),
            "on the wire (B/s)": rate("wire"),
            "bus transfers /s": rate("transfers") if self.bus else None,
            "on disk (MB)": sum(file.stat().st_size for file in self.files) / 1e6 if self.files else None,
        }


def field(lines, name):
    return int(re.search(rf"^{name}:\s+(\d+)", lines, re.MULTILINE)[1])


def wire(process):
    """Bytes both ways on the process's TCP connections, headers left out."""
    listed = subprocess.run(["ss", "-tinpHO"], capture_output=True, text=True, check=True).stdout
    own = [line for line in listed.splitlines() if f"pid={process}," in line]
    return sum(int(count) for line in own for count in re.findall(r"bytes_(?:sent|received):(\d+)", line))


def subjects(options, folder, port):
    url = f"mqtt://127.0.0.1:{port}"
    here = pathlib.Path(__file__).parent
    python = options.venv / "bin/python"

    def node(mode, *settings):
        name = f"lean-{mode}"
        common = ["--url", url, "--id", name, "--log", "error"]
        sets = ["telemetry.interval_secs=1", "light.state_file=", *settings]
        flags = [word for setting in sets for word in ("--set", setting)]
        return Subject(
            f"node, {mode}",
            [options.node, *common, *flags],
            f"piglow/{name}",
            bus=True,
            files=[options.node],
            # As integrations/systemd/piglow-node.service has it.
            environment={"MALLOC_ARENA_MAX": "1"},
            starts=5,
        )

    def floor(name, folder, bus=False, environment=None):
        program = options.floors / folder / "dist/floor"
        root = name.replace(", ", "-").replace(" ", "-")
        command = [program, root, "127.0.0.1", port]
        return Subject(name, command, root, bus=bus, files=[program], environment=environment, starts=5)

    collectd = folder / "collectd.conf"
    plugins = ["cpu", "df", "interface", "load", "memory", "mqtt", "swap", "thermal", "uptime"]
    collectd.write_text(
        f'BaseDir "{folder}"\nPIDFile "{folder}/collectd.pid"\nTypesDB "/usr/share/collectd/types.db"\n'
        "Interval 1\nHostname lean\nFQDNLookup false\n"
        + "".join(f"LoadPlugin {name}\n" for name in plugins)
        + "<Plugin cpu>\n  ReportByCpu true\n  ValuesPercentage true\n</Plugin>\n"
        + '<Plugin df>\n  MountPoint "/"\n  ValuesPercentage true\n</Plugin>\n'
        + f'<Plugin mqtt>\n  <Publish "lean">\n    Host "127.0.0.1"\n    Port "{port}"\n    Prefix "collectd"\n  </Publish>\n</Plugin>\n'
    )
    glances = folder / "glances.conf"
    glances.write_text(f"[mqtt]\nhost=127.0.0.1\nport={port}\ntls=false\ntopic=glances\ntopic_structure=per-metric\n")
    libraries = pathlib.Path("/usr/lib/collectd")
    return [
        node("still", "light.default_effect=solid"),
        node("cpu_load", "light.default_effect=cpu_load", "light.load_interval_ms=200"),
        node("moving", "light.default_effect=rainbow", "light.frames_per_second=60"),
        floor("floor", "floor"),
        floor("floor, readings", "floor-readings"),
        floor("floor, whole", "floor-whole", bus=True),
        floor("floor, load", "floor-whole", bus=True, environment={"FLOOR_LOADS": "200"}),
        Subject(
            "collectd",
            ["/usr/sbin/collectd", "-f", "-C", collectd],
            "collectd",
            files=["/usr/sbin/collectd", *(libraries / f"{name}.so" for name in plugins)],
            starts=5,
        ),
        Subject("Pimoroni cpu.py", [python, here / "peers/cpu.py"], bus=True),
        Subject("psutil + paho", [python, here / "peers/script.py", "127.0.0.1", port], "script"),
        Subject(
            "linux2mqtt",
            [options.venv / "bin/linux2mqtt", "--name", "lean", "--host", "127.0.0.1", "--port", port]
            + ["--interval", 5, "--cpu", 5, "--vm", "--du", "/", "--net", "lo,5", "--temp", "--topic-prefix", "linux2mqtt"],
            "linux2mqtt",
        ),
        Subject(
            "Glances",
            [options.venv / "bin/glances", "-C", glances, "--export", "mqtt", "--quiet", "--time", 1]
            + ["--disable-check-update", "--disable-webui"],
            "glances",
        ),
    ]


def leaves(name, value):
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(f"{name}/{key}", inner)]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in leaves(f"{name}/{index}", inner)]
    return [(name, value)]


def traffic(ear):
    """A sample's bytes beside those of the same readings in separate topics (MQTT 5, QoS 0, no properties)."""
    topic = "piglow/lean-still/telemetry"

    def packet(topic, payload):
        rest = 2 + len(topic) + 1 + len(payload)
        return 1 + (1 if rest < 128 else 2) + rest

    sample = json.loads(ear.latest[topic].lstrip(b"\0"))
    together = packet(topic, json.dumps(sample, separators=(",", ":")))
    # What this machine can't tell is null in a sample, and would have no topic of its own.
    readings = [leaf for leaf in leaves(topic, sample) if leaf[1] is not None]
    apart = sum(packet(name, json.dumps(value)) for name, value in readings)
    return together, apart, len(readings)


def spread(values):
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    digits = lambda value: f"{value:.2f}" if value < 100 else f"{value:.0f}"
    middle = statistics.median(values)
    if max(values) == min(values):
        return digits(middle)
    return f"{digits(middle)} ({digits(min(values))}–{digits(max(values))})"


# What is compared, the figure, with what, and at most how many times that; without a rival the figure itself.
GOALS = [
    ("node, still", "resident (MiB)", "collectd", 0.8),
    ("node, still", "resident (MiB)", "floor", 1.6),
    ("node, still", "private dirty (MiB)", "collectd", 0.6),
    ("node, still", "CPU (% of a core)", "collectd", 0.8),
    ("node, still", "CPU (% of a core)", "floor", 1.5),
    ("node, cpu_load", "CPU (% of a core)", "Pimoroni cpu.py", 0.5),
    ("node, moving", "CPU (% of a core)", None, 1.0),
    ("node, still", "wake-ups /s", None, 2.5),
    ("node, still", "threads", None, 2),
    ("node, still", "first publish (ms)", "floor", 1.5),
    ("node, still", "first publish (ms)", None, 10),
    ("node, still", "first LED (ms)", "floor, whole", 1.5),
    ("node, still", "first LED (ms)", None, 10),
    ("node, still", "on disk (MB)", None, 3),
    ("node, still", "disk writes (B/s)", None, 0),
]


# What is compared, the figure, and the floor with what the node needs for it.
FLOORS = [
    ("node, still", "on disk (MB)", "floor, whole"),
    ("node, still", "resident (MiB)", "floor, whole"),
    ("node, still", "private dirty (MiB)", "floor, whole"),
    ("node, still", "first publish (ms)", "floor, whole"),
    ("node, still", "CPU (% of a core)", "floor, readings"),
    ("node, still", "CPU (% of a core)", "floor, whole"),
    ("node, cpu_load", "CPU (% of a core)", "floor, load"),
]


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    kernel = os.uname()
    return f"{cpu[1] if cpu else kernel.machine}, {os.cpu_count()} cores, Linux {kernel.release}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--node", type=pathlib.Path, required=True)
    parser.add_argument("--floors", type=pathlib.Path, required=True)
    parser.add_argument("--venv", type=pathlib.Path, required=True)
    parser.add_argument("--bus", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--secs", type=float, default=20)
    parser.add_argument("--only", default="", help="names, separated by commas")
    options = parser.parse_args()
    # In memory where that can be: what the stand-in counts is no disk write of who runs on it.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        folder = pathlib.Path(name)
        broker = Broker(folder)
        try:
            report(options, measure(options, folder, broker))
        finally:
            broker.process.kill()
            broker.process.wait()


def measure(options, folder, broker):
    ear = Ear(broker.port)
    only = [name for name in options.only.split(",") if name]
    chosen = [
        subject
        for subject in subjects(options, folder, broker.port)
        if not only or any(name in subject.name for name in only)
    ]
    rounds = []
    load = []
    for number in range(options.rounds):
        # Each round begins with another.
        turn = chosen[number % len(chosen) :] + chosen[: number % len(chosen)]
        ear.forget()
        figures = {}
        started = []
        try:
            for subject in turn:
                started.append(subject)
                figures[subject.name] = subject.begin(folder, ear, options.bus)
            time.sleep(5)
            before = {subject.name: subject.read() for subject in chosen}
            time.sleep(options.secs)
            for subject in chosen:
                figures[subject.name] |= subject.figures(before[subject.name], subject.read())
        finally:
            for subject in started:
                subject.stop()
        load.append(os.getloadavg()[0])
        rounds.append(figures)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return chosen, rounds, load, traffic(ear)


def report(options, measured):
    chosen, rounds, load, (together, apart, readings) = measured
    print(f"{machine()}; {options.rounds} rounds of {options.secs:.0f} s; load average {spread(load)}\n")
    names = [subject.name for subject in chosen]
    figures = list(dict.fromkeys(name for name in rounds[0][names[0]]))
    print(f"| | {' | '.join(figures)} |\n|---|{'---|' * len(figures)}")
    for name in names:
        cells = [spread([figures_of[name].get(figure) for figures_of in rounds]) for figure in figures]
        print(f"| {name} | {' | '.join(cells)} |")
    print("\n| goal | measured | |\n|---|---|---|")
    missed = 0
    for name, figure, rival, limit in GOALS:
        if name not in names or (rival and rival not in names):
            continue
        values = [
            of[name][figure] / of[rival][figure] if rival else of[name][figure] for of in rounds
        ]
        is_met = statistics.median(values) <= limit
        missed += not is_met
        goal = f"at most {limit} × {rival}" if rival else f"at most {limit}"
        print(f"| {name}: {figure} {goal} | {spread(values)} | {'met' if is_met else '**missed**'} |")
    print("\n| beside the floor of the feature | times that | the floor itself |\n|---|---|---|")
    for name, figure, rival in FLOORS:
        if name in names and rival in names:
            values = [of[name][figure] / of[rival][figure] for of in rounds]
            print(f"| {name}: {figure}, {rival} | {spread(values)} | {spread([of[rival][figure] for of in rounds])} |")
    print(
        f"\nA sample of this machine: {together} B; its {readings} readings in separate topics: {apart} B. "
        "What the documented sample of a Raspberry Pi takes, tests/lean.rs holds."
    )
    sys.exit(1 if missed else 0)


main()
