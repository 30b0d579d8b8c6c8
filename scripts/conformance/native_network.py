"""One end of a measurement, inside a network namespace: prints one line of JSON.

native_network.py receive SECONDS    bytes a TCP connection brings in that time
native_network.py send ADDRESS SECONDS CONGESTION
native_network.py echo               answers UDP until it is killed
native_network.py ping ADDRESS SECONDS INTERVAL    round trips of UDP, in milliseconds
"""

import json
import socket
import statistics
import sys
import time

TCP_PORT = 5001
UDP_PORT = 7
TCP_CONGESTION = 13


def receive(seconds):
    with socket.create_server(('', TCP_PORT)) as server:
        connection, _ = server.accept()
        connection.settimeout(1)
        total, end = 0, time.monotonic() + float(seconds)
        while time.monotonic() < end:
            total += len(connection.recv(1 << 16))
        return {'goodput_bps': total * 8 / float(seconds)}


def send(address, seconds, congestion):
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, congestion.encode())
        connection.connect((address, TCP_PORT))
        end = time.monotonic() + float(seconds) + 0.5
        try:
            while time.monotonic() < end:
                connection.send(bytes(1 << 14))
        except ConnectionError:
            pass  # the receiver has seen enough
    return {}


def echo():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(('', UDP_PORT))
        while True:
            data, peer = server.recvfrom(2048)
            server.sendto(data, peer)


def ping(address, seconds, interval):
    trips, number, end = [], 0, time.monotonic() + float(seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((address, UDP_PORT))
        client.settimeout(0.5)
        while time.monotonic() < end:
            number += 1
            began = time.monotonic()
            # As long as the payload of ping(8).
            client.send(number.to_bytes(56, 'big'))
            try:
                while client.recv(2048) != number.to_bytes(56, 'big'):
                    pass
                trips.append((time.monotonic() - began) * 1000)
            except TimeoutError:
                pass
            time.sleep(max(0, began + float(interval) - time.monotonic()))
    return {'rtt_ms': {'min': min(trips), 'p50': statistics.median(trips)}}


commands = {'receive': receive, 'send': send, 'echo': echo, 'ping': ping}
print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])), flush=True)
