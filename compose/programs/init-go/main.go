// The highest node that is heard of leads. Each node sends a heartbeat to a multicast group.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

const (
	heartbeat = 300 * time.Millisecond
	silence   = 1500 * time.Millisecond
)

type message struct {
	Type string `json:"type"`
	From int    `json:"from"`
}

func main() {
	own, _ := strconv.Atoi(os.Getenv("NODE_ID"))
	group := &net.UDPAddr{IP: net.ParseIP("239.7.7.7"), Port: 7400}
	all, err := interfaceOf(os.Getenv("NODE_IP"))
	if err != nil {
		panic(err)
	}
	conn, err := net.ListenMulticastUDP("udp4", all, group)
	if err != nil {
		panic(err)
	}
	// A socket bound to the group's port on every address hears unicast too.
	fmt.Println("ready")
	seen := map[int]time.Time{}
	leader := 0
	next := time.Now()
	buffer := make([]byte, 2048)
	for {
		now := time.Now()
		if !now.Before(next) {
			next = now.Add(heartbeat)
			data, _ := json.Marshal(message{"HEARTBEAT", own})
			conn.WriteToUDP(data, group)
		}
		highest := own
		for peer, at := range seen {
			if now.Sub(at) <= silence && peer > highest {
				highest = peer
			}
		}
		if highest != leader {
			leader = highest
			fmt.Println("leader", leader)
		}
		conn.SetReadDeadline(next)
		n, sender, err := conn.ReadFromUDP(buffer)
		if err != nil {
			continue
		}
		if string(buffer[:n]) == "status" {
			reply, _ := json.Marshal(map[string]int{"leader": leader})
			conn.WriteToUDP(reply, sender)
			continue
		}
		var heard message
		if json.Unmarshal(buffer[:n], &heard) == nil && heard.From != own {
			seen[heard.From] = time.Now()
		}
	}
}

func interfaceOf(address string) (*net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for i := range all {
		addresses, _ := all[i].Addrs()
		for _, candidate := range addresses {
			if network, ok := candidate.(*net.IPNet); ok && network.IP.String() == address {
				return &all[i], nil
			}
		}
	}
	return nil, fmt.Errorf("no interface has %s", address)
}
