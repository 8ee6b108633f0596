"""The highest node that is heard of leads. Each node sends a heartbeat to a multicast group."""

import json
import os
import socket
import struct
import time

GROUP, PORT = "239.7.7.7", 7400
HEARTBEAT, SILENCE = 0.3, 1.5
own, address = int(os.environ["NODE_ID"]), os.environ["NODE_IP"]

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(("", PORT))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address)))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))

seen = {}
leader = None
next_heartbeat = time.monotonic()
print("ready", flush=True)
while True:
    now = time.monotonic()
    if now >= next_heartbeat:
        next_heartbeat = now + HEARTBEAT
        sock.sendto(json.dumps({"type": "HEARTBEAT", "from": own}).encode(), (GROUP, PORT))
    alive = [own] + [peer for peer, at in seen.items() if now - at <= SILENCE]
    if max(alive) != leader:
        leader = max(alive)
        print(f"leader {leader}", flush=True)
    sock.settimeout(max(0.01, next_heartbeat - now))
    try:
        data, sender = sock.recvfrom(2048)
    except TimeoutError:
        continue
    if data == b"status":
        sock.sendto(json.dumps({"leader": leader, "alive": sorted(alive)}).encode(), sender)
        continue
    try:
        message = json.loads(data)
        if message["from"] != own:
            seen[message["from"]] = time.monotonic()
    except (ValueError, KeyError, TypeError):
        print("ignored a datagram that is no message", flush=True)
