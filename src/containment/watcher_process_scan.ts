/** The last argument of a watcher. It identifies the process as a watcher. */
export const WATCHER_NAME = "processkit-watcher";

// Both versions define the same functions:
//
// read_clock                   sets now, in hundredths of a second since a fixed time
// read_start_time PID          sets start; empty if there is no such process
// identify PID                 sets id, which tells the process from later ones with its number
// is_same_process START ID     tests whether the process with this start is the identified one
// scan_processes               sets four lists:
//   table      five words for each process: pid parent group session start
//   rows       " pid:start:group:session " for each process
//   group_ids  the groups and sessions of all processes
//   zombies    " pid:start: " for each process that waits to be reaped
// is_watcher PID               tests whether a process is a watcher
//
// A shell reads a file byte by byte, and `identify` would do that while the run is starting.
// So with `/proc` the id is the current time, which is in a short file: a process that was
// started later is a different one. In a container the clock may have an offset that the
// start times do not have; `skew` corrects it.

/** The functions of the watcher's script that inspect processes through `/proc`. */
export const SCAN_BY_PROC = `
skew=0
read_clock() {
  read -r now idle </proc/uptime
  now=\${now%.*}\${now#*.}
  now=$((now + skew))
}
read_start_time() {
  start= text=
  { while IFS= read -r line || [ -n "$line" ]; do text="$text $line"; done <"/proc/$1/stat"; } 2>/dev/null
  [ -n "$text" ] || return 0
  set -- \${text##*) }
  start=\${20}
}
read_start_time $$
read_clock
if [ "$now" -lt "\${start:-0}" ]; then skew=$((start - now + 100)); fi
identify() {
  read_clock
  id=$now
}
is_same_process() { [ "$1" -le "$2" ]; }
# The name of a process may contain anything, including a line end. The pattern matches
# after the last parenthesis, and only a line with the right number of fields.
field='\\([0-9]*\\)'
stat_pattern="^/proc/$field/stat:.*) \\\\(.\\\\) $field $field $field\\\\( [-0-9]*\\\\)\\\\{15\\\\} $field .*"
scan_processes() {
  table= rows=' ' zombies=' ' group_ids=
  set +f
  set -- $(grep -sH '' /proc/[0-9]*/stat | sed -n "s|$stat_pattern|\\\\1 \\\\2 \\\\3 \\\\4 \\\\5 \\\\7|p")
  set -f
  while [ $# -gt 0 ]; do
    case $2 in
      Z | X) zombies="$zombies$1:$6: " ;;
      *) table="$table $1 $3 $4 $5 $6" rows="$rows$1:$6:$4:$5 " group_ids="$group_ids $4 $5" ;;
    esac
    shift 6
  done
}
is_watcher() {
  argument=
  { while IFS= read -r line || [ -n "$line" ]; do argument=$line; done <"/proc/$1/cmdline"; } 2>/dev/null
  case $argument in *${WATCHER_NAME}) return 0 ;; esac
  return 1
}`;

/** The same functions through `ps`. */
export const SCAN_BY_PS = `
read_clock() { now=$(date +%s)00; }
identify() {
  read_start_time "$1"
  id=\${start:-?}
}
is_same_process() { [ "$1" = "$2" ]; }
read_start_time() {
  set -- $(ps -o lstart= -p "$1" | tr : .)
  start=$1_$2_$3_$4_$5
  if [ $# = 0 ]; then start=; fi
}
scan_processes() {
  table= rows=' ' zombies=' ' group_ids=
  list=$(ps -A -o pid= -o ppid= -o pgid= -o stat= -o lstart= | tr : .)
  IFS=$nl
  set -- $list
  unset IFS
  for line do scan_line $line; done
}
scan_line() {
  case $4 in
    Z*) zombies="$zombies$1:$5_$6_$7_$8_$9: " ;;
    *) table="$table $1 $2 $3 0 $5_$6_$7_$8_$9" rows="$rows$1:$5_$6_$7_$8_$9:$3:0 " group_ids="$group_ids $3" ;;
  esac
}
is_watcher() {
  case $(ps -o args= -p "$1") in *${WATCHER_NAME}) return 0 ;; esac
  return 1
}`;
