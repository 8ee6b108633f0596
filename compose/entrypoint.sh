#!/bin/sh
# Entry point of the node's container: it applies faults first, then runs the node unprivileged.
#
# It starts as root only to apply the kernel faults again that the lab left in the container's writable layer, because a
# restarted container has a fresh network namespace. Then it becomes uid 1000 without any capability, for good. If the
# container runs as another user or lacks the needed capabilities, it drops what it can and runs the node anyway.
# Builtins instead of programs: fifty of these start at the same time on two cores.
set -u

uid=
capabilities=0
while read -r key value rest; do
  case $key in
    Uid:) uid=${rest%%[!0-9]*} ;;
    CapEff:) capabilities=$value; break ;;
  esac
done </proc/self/status

# A killed node leaves its ready file behind.
ready=${DS_READY_FILE:-/run/lab/ready}
[ ! -e "$ready" ] || rm -f "$ready"

if [ "$uid" != 0 ]; then
  exec setpriv --no-new-privs -- node /app/node.js "$@"
fi

# All containers of a host share one neighbour table. Above about thirty nodes that all talk to each other it overflows, and packets
# vanish. Permanent entries don't count, and make ARP unnecessary. LAB_NEIGHBOURS is "PREFIX ID ID …"; node N is PREFIX.(N+1).
neighbours() {
  prefix=$1
  shift
  set -- $(IFS=.; printf '%s ' $prefix) "$@"
  mac=$(printf '02:42:%02x:%02x:%02x' "$1" "$2" "$3")
  shift 3
  for id; do
    printf 'neigh replace %s.%d lladdr %s:%02x dev eth0 nud permanent\n' "$prefix" $((id + 1)) "$mac" $((id + 1))
  done
}
if [ -n "${LAB_NEIGHBOURS:-}" ]; then
  neighbours $LAB_NEIGHBOURS | ip -force -batch - 2>/dev/null || echo "entrypoint: peers' addresses can't be fixed; ARP finds them" >&2
fi

apply=/run/lab/faults/apply
if [ -f "$apply" ] && [ -x "$apply" ]; then
  # To stderr: stdout is the node's journal.
  "$apply" >&2 || echo "entrypoint: $apply failed with exit code $?; the node starts without its kernel faults" >&2
fi

# A mounted folder belongs to root at first.
data=${DS_DATA_DIR:-}
# `lab wipe`: the contents of this disk are lost. `lab disk restore`: those of a saved one take their place.
wipe=/run/lab/faults/wipe
if [ -e "$wipe" ] && [ -n "$data" ] && [ -d "$data" ]; then
  find "$data" -mindepth 1 -delete || echo "entrypoint: $data can't be emptied; the node starts with what is left there" >&2
  for file in $(cat "$wipe"); do
    cp "/run/lab/faults/disk-$file" "$data/$file" && chown 1000:1000 "$data/$file" ||
      echo "entrypoint: $data/$file can't be restored" >&2
  done
  rm -f "$wipe" /run/lab/faults/disk-*
fi
if [ -n "$data" ] && [ -d "$data" ] && [ -O "$data" ]; then
  chown 1000:1000 "$data" || echo "entrypoint: $data can't be given to uid 1000; the ledger may not be writable" >&2
fi

# CAP_SETGID, CAP_SETUID and CAP_SETPCAP: setpriv needs all three and refuses otherwise.
if [ $((0x$capabilities & 0x1c0)) -eq $((0x1c0)) ]; then
  exec setpriv --reuid=1000 --regid=1000 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
    -- node /app/node.js "$@"
fi
echo "entrypoint: no capability to change user; the node runs as root without new privileges" >&2
exec setpriv --inh-caps=-all --no-new-privs -- node /app/node.js "$@"
