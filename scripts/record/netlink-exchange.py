"""Send netlink requests, one per JSON line {"family", "hex"} on stdin, to the kernel of this network namespace; print each answer as a JSON list of datagrams in hex."""

import json
import socket
import struct
import sys

SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
NLMSG_ERROR, NLMSG_DONE = 2, 3


def ended(datagram):
    at = 0
    while at + 16 <= len(datagram):
        length, kind = struct.unpack_from("=IH", datagram, at)
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            return True
        at += (length + 3) & ~3
    return False


def exchange(family, request):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as link:
        link.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        link.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        link.send(request)
        answer = [link.recv(1 << 18)]
        while not ended(answer[-1]):
            answer.append(link.recv(1 << 18))
        return answer


for line in sys.stdin:
    ask = json.loads(line)
    answer = exchange(ask["family"], bytes.fromhex(ask["hex"]))
    print(json.dumps([datagram.hex() for datagram in answer]), flush=True)
