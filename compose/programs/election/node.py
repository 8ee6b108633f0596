"""A Bully election over UDP multicast, with Python's standard library.

Each node sends a heartbeat to the group. A node whose leader falls silent asks the higher nodes for an election. If none
of them answers, it announces itself. FIXED=1 in the environment takes the bug away (see receive).
"""

import json
import os
import select
import socket
import struct
import sys
import time

GROUP, PORT = "239.7.7.7", 7400
HEARTBEAT, SILENCE, ANSWER_TIME, VICTORY_TIME = 0.3, 1.5, 0.5, 1.5
FIXED = os.environ.get("FIXED") == "1"


class Node:
    def __init__(self, number, address):
        self.id = number
        self.leader = None
        self.peers = {}  # id -> (address, time of its last message)
        self.answer_until = None  # we wait for an answer of a higher node
        self.victory_until = None  # a higher node answered: it has to announce itself
        self.next_heartbeat = 0.0
        self.sock = open_socket(address)

    def say(self, text):
        print(text, flush=True)

    def send(self, kind, to=(GROUP, PORT), **fields):
        message = {"type": kind, "from": self.id, **fields}
        try:
            self.sock.sendto(json.dumps(message).encode(), to)
        except OSError as error:
            self.say(f"cannot send {kind}: {error}")

    def run(self):
        self.say(f"JOINED {self.id}")
        # Whoever leads already is heard before the first election.
        self.answer_until = time.monotonic() + 2 * HEARTBEAT + ANSWER_TIME
        while True:
            ready, _, _ = select.select([self.sock], [], [], 0.05)
            if ready:
                self.receive()
            self.tick(time.monotonic())

    def receive(self):
        data, address = self.sock.recvfrom(4096)
        try:
            message = json.loads(data)
            kind, sender = message["type"], message.get("from")
        except (ValueError, KeyError, TypeError):
            self.say("IGNORED a datagram that is no message")
            return
        if kind == "STATUS":
            peers = sorted(self.peers)
            self.send("STATUS_REPLY", to=address, leader=self.leader, peers=peers)
            return
        if sender is None or sender == self.id:
            return
        if sender not in self.peers:
            self.say(f"ALIVE {sender}")
        self.peers[sender] = (address, time.monotonic())
        if kind == "ELECTION" and sender < self.id:
            self.send("ANSWER", to=(address[0], PORT))
            self.start_election()
        elif kind == "ANSWER" and sender > self.id and self.answer_until is not None:
            self.answer_until = None
            self.victory_until = time.monotonic() + VICTORY_TIME
        elif kind == "COORDINATOR":
            self.accept_leader(sender)
        elif kind == "HEARTBEAT" and message.get("leader") == sender and (FIXED or self.leader != self.id):
            # The bug: a leader doesn't listen to the heartbeats of another one. When a partition heals, both stay.
            self.accept_leader(sender)

    def accept_leader(self, sender):
        if sender < self.id:
            if self.leader in (None, self.id):
                # A lower node leads although we are here: we take over.
                self.become_leader()
            return
        self.answer_until = self.victory_until = None
        if sender != self.leader and (self.leader is None or sender > self.leader or self.leader not in self.peers):
            self.leader = sender
            self.say(f"LEADER {sender}")

    def start_election(self):
        if self.answer_until is not None or self.victory_until is not None:
            return
        if self.leader == self.id:
            self.send("COORDINATOR")
            return
        self.say("ELECTION")
        self.send("ELECTION")
        self.answer_until = time.monotonic() + ANSWER_TIME

    def become_leader(self):
        self.answer_until = self.victory_until = None
        if self.leader != self.id:
            self.leader = self.id
            self.say(f"LEADER {self.id}")
        self.send("COORDINATOR")

    def tick(self, now):
        if now >= self.next_heartbeat:
            self.next_heartbeat = now + HEARTBEAT
            self.send("HEARTBEAT", leader=self.leader)
        for peer, (_, seen) in list(self.peers.items()):
            if now - seen > SILENCE:
                del self.peers[peer]
                self.say(f"FAILED {peer}")
                if peer == self.leader:
                    self.leader = None
                    self.say("LEADER 0")
                    self.start_election()
        if self.answer_until is not None and now >= self.answer_until:
            self.answer_until = None
            if self.leader is None:
                self.become_leader()
        if self.victory_until is not None and now >= self.victory_until:
            self.victory_until = None
            self.start_election()


def open_socket(address):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", PORT))
    member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    return sock


if __name__ == "__main__":
    Node(int(sys.argv[1]), sys.argv[2]).run()
