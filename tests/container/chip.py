#!/usr/bin/env python3
"""A stand-in for the I2C driver and the PiGlow's chip, for a program in a container on a machine without a bus.

Usage: chip.py SOCKET LOG

The container's seccomp filter hands over each `ioctl` of I2C (seccomp_unotify(2)); the runtime brings the filter's file to
SOCKET. This answers in the kernel's place, and writes to LOG a line for each transfer: the address and the bytes. While a file
LOG.unplugged exists, nothing answers on the bus.
"""

import array
import errno
import fcntl
import os
import select
import socket
import struct
import sys
import threading

# linux/seccomp.h, linux/i2c-dev.h
NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
I2C_SLAVE, I2C_RDWR, I2C_PEC = 0x0703, 0x0707, 0x0708
NOTIF = struct.Struct("=QIIiIQ6Q")
RESPONSE = struct.Struct("=QqiI")
TRANSFER = struct.Struct("=QI")
MESSAGE = struct.Struct("=HHHxxQ")
CHIP = 0x54


def memory(process, address, length):
    with open(f"/proc/{process}/mem", "rb", buffering=0) as file:
        file.seek(address)
        return file.read(length)


def transfer(process, address, log):
    """What the kernel says to an I2C_RDWR: how many messages went through, or an error."""
    messages, count = TRANSFER.unpack(memory(process, address, TRANSFER.size))
    for index in range(count):
        to, flags, length, data = MESSAGE.unpack(memory(process, messages + index * MESSAGE.size, MESSAGE.size))
        if to != CHIP or flags != 0 or os.path.exists(log.name + ".unplugged"):
            return -errno.EREMOTEIO
        print(f"{to:02x} {memory(process, data, length).hex()}", file=log, flush=True)
    return count


def answer(process, request, argument, log):
    if request == I2C_RDWR:
        return transfer(process, argument, log)
    if request == I2C_SLAVE:
        return 0 if argument in (0, CHIP) else -errno.EBUSY
    return 0 if request == I2C_PEC else -errno.ENOTTY


def serve(filter_file, log):
    """Answers until nobody is left behind the filter."""
    waiting = select.poll()
    waiting.register(filter_file, select.POLLIN)
    while not waiting.poll()[0][1] & select.POLLHUP:
        notice = bytearray(NOTIF.size)
        try:
            fcntl.ioctl(filter_file, NOTIF_RECV, notice)
            number, process, _, _, _, _, _, request, argument, *_ = NOTIF.unpack(notice)
            result = answer(process, request & 0xFFFFFFFF, argument, log)
            fcntl.ioctl(filter_file, NOTIF_SEND, RESPONSE.pack(number, max(result, 0), min(result, 0), 0))
        except FileNotFoundError:
            # Whoever asked was gone before the answer.
            continue


def filter_of(connection):
    """The file of the filter that the runtime has sent."""
    files = array.array("i")
    _, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(files.itemsize))
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(data)
    return files[0]


def main():
    path, log = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as listener, open(log, "a", encoding="ascii") as file:
        listener.bind(path)
        listener.listen()
        while True:
            # The node, and each health check: every process that the runtime starts has a filter of its own.
            connection, _ = listener.accept()
            with connection:
                threading.Thread(target=serve, args=(filter_of(connection), file), daemon=True).start()


if __name__ == "__main__":
    main()
