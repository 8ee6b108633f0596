#!/bin/bash
# Process 1 of a PID namespace in which "machines" live: PID, network, mount, UTS and IPC namespaces with one Docker engine each, on one switch.
# test/support/swarm-hosts.ts starts it with `unshare`, orders by its standard input, and reads an answer for each order from fd 3. The end of
# the input is the end of everything: with process 1 the kernel ends all other processes, and with them namespaces, mounts and links go.
#
# orders: on N, off N (power), cut N, join N (at the switch)
set -u
prefix=$1 # the first three parts of the hosts' addresses; host N is PREFIX.N
cgroup=$2
declare -A machines
mount -t tmpfs tmpfs /mnt
ip link set lo up
ip link add sw0 type bridge
ip link set sw0 up

power_on() {
  local n=$1 own
  mkdir -p /mnt/h"$n"/lib /mnt/h"$n"/etc
  ip link del p-h"$n" 2>/dev/null
  # Killing `unshare` kills its child, the machine's process 1: that is the power cut.
  unshare --net --mount --uts --ipc --pid --fork --kill-child --propagation private --mount-proc sh -ec "
    hostname h$n
    mount --bind /mnt/h$n/lib /var/lib/docker
    mkdir -p /etc/docker; mount --bind /mnt/h$n/etc /etc/docker
    mount -t tmpfs tmpfs /run
    ip link set lo up
    while ! ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
    ip addr add $prefix.$n/24 dev eth0; ip link set eth0 up
    exec docker-init -- dockerd -H unix:///var/run/docker.sock -H tcp://$prefix.$n:2375 --storage-driver overlay2 --tls=false \
      --cgroup-parent $cgroup/h$n" >/mnt/h"$n"/log 2>&1 </dev/null &
  machines[$n]=$!
  own=$(readlink /proc/self/ns/net)
  while [ "$(readlink /proc/${machines[$n]}/ns/net)" = "$own" ]; do sleep 0.01; done
  ip link add eth0 netns ${machines[$n]} type veth peer name p-h"$n"
  ip link set p-h"$n" master sw0 up
}

power_off() {
  kill -KILL ${machines[$1]}
  wait ${machines[$1]} 2>/dev/null
  ip link del p-h"$1" 2>/dev/null
}

while read -r order n; do
  case $order in
    on) power_on "$n" ;;
    off) power_off "$n" ;;
    cut) ip link set p-h"$n" nomaster ;;
    join) ip link set p-h"$n" master sw0 ;;
    uplink) ip link set op master sw0 up ;;
    log) tail -n 20 /mnt/h"$n"/log ;;
  esac >&3 2>&3
  echo "done" >&3
done
