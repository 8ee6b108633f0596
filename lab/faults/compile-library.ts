/**
 * The shell code in a container's /run/lab/faults/apply that is the same for every list (POSIX sh; dash in the image).
 *
 * The tc tree: arriving IP packets are redirected to an `ifb` device, whose root is an htb with a reserved handle and no default
 * class, so what no filter takes passes directly; each impaired source has a class, a u32 filter on its address and a leaf that
 * impairs. The tree is built once. Afterwards only leaves change, because deleting a root drops what is queued for everybody
 * (pumba#166). A source that is healed keeps a leaf that does nothing; when all are healed the redirect is taken away and the
 * device goes as soon as its last delayed packet is delivered. A root qdisc that somebody else made is never replaced.
 */

/** The nftables table, ours alone. */
export const TABLE = "energy_lab_faults";
export const IFB_DEVICE = "labifb";
/** Handle of our root qdiscs: by it they are recognised. */
export const ROOT_HANDLE = "e1ab";
const REDIRECT_PREFERENCE = 60_001;

/** Exit codes of the script, beyond what its commands say on stderr. */
export const SCRIPT_EXIT = { nft: 65, tree: 66, foreignRoot: 67, busy: 75, foreignList: 76 } as const;

export const SCRIPT_LIBRARY = `
ifb=${IFB_DEVICE} root=${ROOT_HANDLE} pref=${REDIRECT_PREFERENCE} table=${TABLE}
skew=0 dev= draining=0 sleeper=
open_class="rate 10gbit ceil 10gbit quantum 60000"

clock() { now=$(($(date +%s%3N) - skew)); }

current_step() {
  clock
  find_step
}

find_step() {
  step=0
  for end in $ends; do [ "$now" -lt "$end" ] || step=$((step + 1)); done
}

is_current() { read -r found 2>/dev/null <"$dir/stamp" && [ "$found" = "$stamp" ]; }

# The interface that has the node's address, whatever its name.
find_device() {
  dev=
  [ "$ip" != none ] || return 0
  set -- $(ip -o -4 addr show to "$ip/32")
  [ $# -lt 2 ] || dev=$2
}

run_step() {
  if [ $has_nft = 1 ]; then "rules_$1" || return ${SCRIPT_EXIT.nft}; fi
  eval "leaves=\\$leaves_$1_count egress=\\$egress_$1_count"
  # Fifty containers do this at once on two cores: no process is started that isn't needed.
  [ "$leaves" != 0 ] || [ "$egress" != 0 ] || has_ifb || [ -e "$dir/egress" ] || return 0
  find_device
  if [ "$leaves" != 0 ]; then build_tree "$1" || return ${SCRIPT_EXIT.tree}; elif has_ifb; then release_tree; fi
  [ -n "$dev" ] || return 0
  if [ "$egress" != 0 ]; then build_egress "$1" || return $?; elif [ -e "$dir/egress" ]; then release_egress; fi
}

has_ifb() { [ -e /sys/class/net/$ifb ]; }

build_tree() {
  # Unplugged: there is nothing to impair until the lab plugs it in, and applies again.
  [ -n "$dev" ] || return 0
  has_ifb || ip link add $ifb type ifb || return
  ip link set dev $ifb up || return
  case $(tc qdisc show dev $ifb root) in
    "qdisc htb $root:"*) ;;
    *) tc qdisc add dev $ifb root handle $root: htb default 0 direct_qlen 10000 || return ;;
  esac
  filters=$(tc filter show dev $ifb parent $root:)
  classes=$(tc class show dev $ifb)
  kept=
  { "leaves_$1"; neutralise $ifb; } | tc -batch - || return
  case $(tc filter show dev "$dev" ingress 2>/dev/null) in
    *"to device $ifb)"*) ;;
    *)
      # There may be an ingress or clsact qdisc already: filters of others stay.
      tc qdisc add dev "$dev" ingress 2>/dev/null
      tc filter add dev "$dev" ingress protocol ip pref $pref u32 match u32 0 0 action mirred egress redirect dev $ifb || return
      ;;
  esac
}

# leaf MINOR PREFERENCE ADDRESS CLASS QDISC...
leaf() {
  class=$root:$1 filter="pref $2 u32 match ip src $3/32" limit=$4
  shift 4
  echo "class replace dev $ifb parent $root: classid $class htb $limit"
  echo "qdisc replace dev $ifb parent $class $*"
  # A second filter for the same would be added, not replaced.
  case $filters in
    *"flowid $class "*) ;;
    *) echo "filter add dev $ifb parent $root: protocol ip $filter flowid $class" ;;
  esac
  kept="$kept $class "
}

# Classes that aren't kept let packets through at once, behind what is queued in them.
neutralise() {
  for word in $classes; do
    case $word in "$root:"?*) ;; *) continue ;; esac
    case $kept in *" $word "*) continue ;; esac
    if [ $has_netem = 1 ]; then
      echo "qdisc replace dev $1 parent $word netem limit 10000 delay 0us 0us loss 0% duplicate 0% reorder 0% rate 0bit"
    else
      echo "class replace dev $1 parent $root: classid $word htb $open_class"
      echo "qdisc replace dev $1 parent $word bfifo limit 10000000"
    fi
  done
}

is_idle() {
  set -- $(tc -s qdisc show dev "$1" root)
  while [ $# -gt 2 ]; do
    [ "$1" != backlog ] || { [ "$3" = 0p ]; return; }
    shift
  done
}

release_tree() {
  if [ -n "$dev" ]; then
    tc filter del dev "$dev" ingress protocol ip pref $pref 2>/dev/null
    case $(tc qdisc show dev "$dev" ingress; tc filter show dev "$dev" ingress 2>/dev/null) in
      *filter*) ;;
      *"qdisc ingress"*) tc qdisc del dev "$dev" ingress ;;
    esac
  fi
  classes=$(tc class show dev $ifb) kept=
  neutralise $ifb | tc -batch -
  if is_idle $ifb; then ip link del $ifb; else draining=1; fi
}

build_egress() {
  case $(tc qdisc show dev "$dev" root) in
    "qdisc htb $root:"*) ;;
    *" 0: root"* | "") tc qdisc add dev "$dev" root handle $root: htb default 0 direct_qlen 10000 || return ${SCRIPT_EXIT.tree} ;;
    *) return ${SCRIPT_EXIT.foreignRoot} ;;
  esac
  : >"$dir/egress"
  "egress_$1" | tc -batch - || return ${SCRIPT_EXIT.tree}
}

# egress DESTINATIONS CLASS QDISC...
egress() {
  destinations=$1 limit=$2
  shift 2
  echo "class replace dev $dev parent $root: classid $root:1 htb $limit"
  echo "qdisc replace dev $dev parent $root:1 $*"
  echo "filter del dev $dev parent $root:"
  for destination in $destinations; do
    echo "filter add dev $dev parent $root: protocol ip pref 1 u32 match ip dst $destination flowid $root:1"
  done
}

release_egress() {
  case $(tc qdisc show dev "$dev" root) in "qdisc htb $root:"*) ;; *) rm -f "$dir/egress"; return 0 ;; esac
  classes=$(tc class show dev "$dev") kept=
  neutralise "$dev" | tc -batch -
  if is_idle "$dev"; then tc qdisc del dev "$dev" root; rm -f "$dir/egress"; else draining=1; fi
}

# What is there now, for the lab to compare with what it asked for.
report() {
  echo "@device $dev"
  if [ $has_nft = 1 ]; then echo @nft; nft -j list table inet $table 2>/dev/null; fi
  if has_ifb; then
    printf '@qdisc\\n'; tc -j qdisc show dev $ifb
    printf '\\n@class\\n'; tc class show dev $ifb
    printf '@filter\\n'; tc filter show dev $ifb parent $root:
    [ -z "$dev" ] || { printf '@redirect\\n'; tc filter show dev "$dev" ingress 2>/dev/null; }
  fi
  if [ -n "$dev" ] && [ -e "$dir/egress" ]; then
    printf '@egress-qdisc\\n'; tc -j qdisc show dev "$dev"
    printf '\\n@egress-class\\n'; tc class show dev "$dev"
  fi
  echo "@draining $draining"
  echo "@clock $now"
  echo @end
}

# Ends the timer of earlier faults, and those that wait for a script which a killed lab never sent.
stop_timers() {
  for file in "$dir/timer.pid" "$dir"/waiting.*; do
    [ "$file" != "$dir/waiting.$stamp" ] || continue
    read -r pid 2>/dev/null <"$file" || continue
    # The number may belong to another process by now.
    case $(tr '\\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in *"$dir/apply timer"*) kill "$pid" ;; esac
    rm -f "$file"
  done
}

forget() { rm -f "$dir/apply" "$dir/apply.new" "$dir/state.json" "$dir/stamp" "$dir/skew" "$dir/timer.pid" "$dir/lock" "$dir/egress" "$dir"/waiting.*; }

# Only what is still its own, and never while another change is putting its script in place.
retire() { ( flock 9; ! is_current || forget ) 9>>"$dir/lock"; }

# Waits, for longer than anything can be delayed, until nothing is queued any more; then the rest goes.
drain() {
  tries=0
  while [ "$tries" -lt 700 ]; do
    draining=0
    (
      flock 9
      is_current || exit 2
      current_step
      run_step $step
      exit $draining
    ) 9>>"$dir/lock"
    case $? in 0) break ;; 2) return 1 ;; esac
    tries=$((tries + 1))
    sleep 0.1
  done
}

timer() {
  trap '[ -z "$sleeper" ] || kill "$sleeper" 2>/dev/null; exit 0' TERM INT
  echo $$ >"$dir/timer.pid"
  for end in $ends; do
    while clock; [ "$now" -lt "$end" ]; do
      left=$((end - now))
      # In slices: the wall clock may be set meanwhile.
      [ "$left" -lt 30000 ] || left=30000
      sleep "$((left / 1000)).$(printf %03d $((left % 1000)))" &
      sleeper=$!
      wait $sleeper
    done
    sleeper=
    drain || exit 0
  done
  [ $over = 0 ] || retire
  rm -f "$dir/timer.pid"
}

case \${1:-start} in
  now | clear)
    stop_timers
    # Two clocks that differ by more than a slow machine explains: the instants are the lab's.
    clock
    skew=$((now - sent))
    [ "$skew" -ge -5000 ] && [ "$skew" -le 5000 ] && skew=0
    echo $skew >"$dir/skew"
    now=$((now - skew))
    find_step
    run_step $step
    code=$?
    echo $stamp >"$dir/stamp"
    report
    [ "$1" != clear ] || [ $code != 0 ] || [ $draining = 1 ] || forget
    exit $code
    ;;
  timer)
    read -r skew 2>/dev/null <"$dir/skew"
    timer
    ;;
  drain)
    drain && [ $keep = 0 ] && retire
    ;;
  start)
    # The numbers of processes of the container's last life mean nothing now.
    rm -f "$dir/timer.pid" "$dir"/waiting.*
    read -r skew 2>/dev/null <"$dir/skew"
    current_step
    run_step $step || exit
    clock
    [ -z "$ends" ] || [ "$now" -ge "\${ends##* }" ] || sh "$0" timer </dev/null >/dev/null 2>&1 &
    ;;
esac
`;
