"""An I2C bus, /dev/i2c-1, for a program that is none the wiser: umockdev answers its system calls.

It runs under `umockdev-wrapper`, obeys lines on standard input, answers each, and tells each transfer, on standard output:

    plug | unplug        the device file comes, goes
    fail NUMBER SLAVE    choosing an address ends with this error number, as with a kernel driver in the way
    fail NUMBER RDWR     a transfer does
    mend                 nothing fails any more

    root FOLDER          what UMOCKDEV_DIR is to be for the program
    write 54 HEX…        the bytes of one message to this address
    failed NUMBER        a call that was made to fail
"""

import struct
import sys
import threading

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402 gi wants the version first

# linux/i2c-dev.h
I2C_SLAVE, I2C_RDWR, I2C_PEC = 0x0703, 0x0707, 0x0708
# linux/i2c.h
I2C_M_RD = 0x0001
# `struct i2c_rdwr_ioctl_data` and `struct i2c_msg` with 64-bit pointers.
RDWR, MESSAGE = struct.Struct("@PI4x"), struct.Struct("@HHH2xP")
ENOTTY = 25

said = threading.Lock()


def say(*words: object) -> None:
    with said:
        print(*words, flush=True)


class Bus(UMockdev.IoctlBase):
    """Takes every address and every byte, but no reads, as the chip does not."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[int, int] = {}

    def do_handle_ioctl(self, client: UMockdev.IoctlClient) -> bool:
        request = client.get_request()
        if fault := self.faults.get(request):
            say("failed", fault)
            client.complete(-1, fault)
        elif request in (I2C_SLAVE, I2C_PEC):
            client.complete(0, 0)
        elif request == I2C_RDWR:
            client.complete(self.transfer(client.get_arg()), 0)
        else:
            say("unknown", hex(request))
            client.complete(-1, ENOTTY)
        return True

    def transfer(self, argument: UMockdev.IoctlData) -> int:
        """Tells each message; their number."""
        head = argument.resolve(0, RDWR.size)
        _, count = RDWR.unpack(head.retrieve())
        messages = head.resolve(0, MESSAGE.size * count)
        for index in range(count):
            place = MESSAGE.size * index
            address, flags, length, _ = MESSAGE.unpack_from(messages.retrieve(), place)
            # The pointer is the last of the structure.
            content = messages.resolve(place + MESSAGE.size - struct.calcsize("P"), length).retrieve()
            say("read" if flags & I2C_M_RD else "write", f"{address:02x}", bytes(content).hex())
        return count


class Host:
    """A host whose bus can be pulled."""

    def __init__(self) -> None:
        self.testbed = UMockdev.Testbed.new()
        self.bus = Bus()
        self.device = None

    def plug(self) -> None:
        self.testbed.add_from_string("P: /devices/i2c-1\nN: i2c-1\nE: DEVNAME=/dev/i2c-1\nE: SUBSYSTEM=i2c-dev\n")
        self.testbed.attach_ioctl("/dev/i2c-1", self.bus)

    def unplug(self) -> None:
        self.testbed.detach_ioctl("/dev/i2c-1")
        self.testbed.remove_device("/sys/devices/i2c-1")


def obey(host: Host, words: list[str]) -> None:
    match words:
        case ["plug"]:
            host.plug()
        case ["unplug"]:
            host.unplug()
        case ["fail", number, "SLAVE"]:
            host.bus.faults[I2C_SLAVE] = int(number)
        case ["fail", number, "RDWR"]:
            host.bus.faults[I2C_RDWR] = int(number)
        case ["mend"]:
            host.bus.faults.clear()
        case _:
            raise ValueError(f"what is {words}?")


def main() -> None:
    host = Host()
    say("root", host.testbed.get_root_dir())
    for line in sys.stdin:
        obey(host, line.split())
        say("done", line.strip())


if __name__ == "__main__":
    main()
