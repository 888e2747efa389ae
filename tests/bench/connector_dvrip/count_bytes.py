"""The reference of the ingest benchmark: open the streams, then only read and count.

count_bytes.py STREAMS_PER_DEVICE PORT…
"""

import json
import selectors
import socket
import struct
import sys

from rig import PASSWORD, USER

from cambus.dvrip.password import hash_password

HEADER = struct.Struct("<BBBBIIBBHI")


def ask(sock, message_id, body, session=0):
    """One request and its reply's session."""
    data = json.dumps(body).encode() + b"\n\0"
    sock.sendall(HEADER.pack(255, 0, 0, 0, session, 0, 0, 0, message_id, len(data)) + data)
    head = b""
    while len(head) < HEADER.size:
        head += sock.recv(HEADER.size - len(head))
    fields = HEADER.unpack(head)
    left = fields[-1]
    while left:
        left -= len(sock.recv(left))
    return fields[4]


def monitor(action, channel):
    parameter = {"Channel": channel, "CombinMode": "NONE", "StreamType": "Main", "TransMode": "TCP"}
    return {"Name": "OPMonitor", "OPMonitor": {"Action": action, "Parameter": parameter}}


def main():
    streams, ports = int(sys.argv[1]), [int(each) for each in sys.argv[2:]]
    selector = selectors.DefaultSelector()
    controls = []
    for port in ports:
        control = socket.create_connection(("127.0.0.1", port))
        login = {"EncryptType": "MD5", "LoginType": "DVRIP-Web", "UserName": USER}
        session = ask(control, 1000, {**login, "PassWord": hash_password(PASSWORD)})
        controls.append(control)
        for channel in range(streams):
            data = socket.create_connection(("127.0.0.1", port))
            ask(data, 1413, monitor("Claim", channel), session)
            ask(control, 1410, monitor("Start", channel), session)
            data.setblocking(False)
            selector.register(data, selectors.EVENT_READ)
    print("ready", flush=True)
    count = 0
    buffer = bytearray(256 * 1024)
    while True:
        for key, _ in selector.select():
            count += key.fileobj.recv_into(buffer)


if __name__ == "__main__":
    main()
