/** The watcher's last argument, by which one watcher knows another. */
export const WATCHER_NAME = "processkit-watcher";

// look_at_clock       sets now, in hundredths of a second since some time
// started PID         sets start, to nothing if nobody is there
// identify PID        sets id, to what tells this process from later ones of its number
// is_same START ID    whether what was identified is what was started then
// scan                sets table, five words for each process: number parent group
//                     session start; rows, of " number:start:group:session "; led, of
//                     the groups and sessions; and ended, of " number:start:" for those
//                     that only wait to be reaped
// is_watcher PID
//
// The shell reads a file byte by byte, and does so in the way of the very run that
// it is told of. So with /proc a process is identified by the time, which is short:
// whoever was started later is another. (The clock may be a container's own, and
// the processes' starts not.)
/** The functions of the watcher's program that look at processes, by way of `/proc`. */
export const SCAN_BY_PROC = `
skew=0
look_at_clock() {
  read -r now idle </proc/uptime
  now=\${now%.*}\${now#*.}
  now=$((now + skew))
}
started() {
  start= text=
  { while IFS= read -r line || [ -n "$line" ]; do text="$text $line"; done <"/proc/$1/stat"; } 2>/dev/null
  [ -n "$text" ] || return 0
  set -- \${text##*) }
  start=\${20}
}
started $$
look_at_clock
if [ "$now" -lt "\${start:-0}" ]; then skew=$((start - now + 100)); fi
identify() {
  look_at_clock
  id=$now
}
is_same() { [ "$1" -le "$2" ]; }
# A name may hold anything, a line's end among it: what follows the last parenthesis
# and has as many fields as there must be is the system's own.
field='\\([0-9]*\\)'
facts="^/proc/$field/stat:.*) \\\\(.\\\\) $field $field $field\\\\( [-0-9]*\\\\)\\\\{15\\\\} $field .*"
scan() {
  table= rows=' ' ended=' ' led=
  set +f
  set -- $(grep -sH '' /proc/[0-9]*/stat | sed -n "s|$facts|\\\\1 \\\\2 \\\\3 \\\\4 \\\\5 \\\\7|p")
  set -f
  while [ $# -gt 0 ]; do
    case $2 in
      Z | X) ended="$ended$1:$6: " ;;
      *) table="$table $1 $3 $4 $5 $6" rows="$rows$1:$6:$4:$5 " led="$led $4 $5" ;;
    esac
    shift 6
  done
}
is_watcher() {
  words=
  { while IFS= read -r line || [ -n "$line" ]; do words=$line; done <"/proc/$1/cmdline"; } 2>/dev/null
  case $words in *${WATCHER_NAME}) return 0 ;; esac
  return 1
}`;

/** The same by way of `ps`. */
export const SCAN_BY_PS = `
look_at_clock() { now=$(date +%s)00; }
identify() {
  started "$1"
  id=\${start:-?}
}
is_same() { [ "$1" = "$2" ]; }
started() {
  set -- $(ps -o lstart= -p "$1" | tr : .)
  start=$1_$2_$3_$4_$5
  if [ $# = 0 ]; then start=; fi
}
scan() {
  table= rows=' ' ended=' ' led=
  list=$(ps -A -o pid= -o ppid= -o pgid= -o stat= -o lstart= | tr : .)
  IFS=$nl
  set -- $list
  unset IFS
  for line do scan_one $line; done
}
scan_one() {
  case $4 in
    Z*) ended="$ended$1:$5_$6_$7_$8_$9: " ;;
    *) table="$table $1 $2 $3 0 $5_$6_$7_$8_$9" rows="$rows$1:$5_$6_$7_$8_$9:$3:0 " led="$led $3" ;;
  esac
}
is_watcher() {
  case $(ps -o args= -p "$1") in *${WATCHER_NAME}) return 0 ;; esac
  return 1
}`;
