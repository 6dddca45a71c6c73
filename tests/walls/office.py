"""The network of an office whose firewall lets no UDP through, seen from inside.

    unshare --user --map-root-user --net python3 office.py FOLDER TCP,TCP UDP COMMAND...

The namespace has no interface but its own loopback, so nothing leaves it by itself. Connections to
the TCP ports of 127.0.0.1 are carried over the Unix sockets FOLDER/PORT, which lead to the house.
Datagrams to the UDP port are swallowed: nobody is told, as behind a firewall that drops them; each
is a byte of FOLDER/udp.
"""
import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading

HERE = "127.0.0.1"
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # netdevice(7)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))


def carry(one, other):
    try:
        while octets := one.recv(1 << 16):
            other.sendall(octets)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        # Who is gone is gone for both.
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def lead(listener, path):
    while True:
        inside, _ = listener.accept()
        inside.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        outside = socket.socket(socket.AF_UNIX)
        outside.connect(path)
        for pair in ((inside, outside), (outside, inside)):
            threading.Thread(target=carry, args=pair, daemon=True).start()


def swallow(hole, path):
    with open(path, "ab", buffering=0) as tally:
        while hole.recv(1 << 16):
            tally.write(b".")


def main():
    folder, tcp, udp, *command = sys.argv[1:]
    loopback_up()
    for port in tcp.split(","):
        listener = socket.create_server((HERE, int(port)))
        threading.Thread(target=lead, args=(listener, os.path.join(folder, port)), daemon=True).start()
    hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hole.bind((HERE, int(udp)))
    threading.Thread(target=swallow, args=(hole, os.path.join(folder, "udp")), daemon=True).start()
    sys.exit(subprocess.run(command).returncode)


main()
