/** The watcher's last argument, by which one watcher knows another. */
export const WATCHER_NAME = "processkit-watcher";

/**
 * The program of the watcher, for any POSIX shell. It reads what its owner starts
 * and ends from its stdin, line by line, and when that ends, so has the owner:
 *
 * - `+ g 12`: process 12 leads a session and a group; `- g 12`: that is over
 * - `~ g 12`: process 12 has ended, its group may go on
 * - `+ p 12`, `- p 12`: a process in somebody else's group
 * - `+ c /path`, `- c /path`: a cgroup
 *
 * A number may be a stranger's by the time the owner is gone. So a process is known
 * by its number and the time by which it had started, and a group that went on
 * without its leader by somebody who was seen in it then. Where the leader was there
 * for as long as the owner, nobody else can have had its number.
 *
 * `facts` says where processes are looked at: in `/proc`, or by way of `ps` on
 * systems without one, which tells of no sessions.
 */
export function watcherScript(facts: "proc" | "ps"): string {
  return [PREPARE, facts === "proc" ? FACTS_FROM_PROC : FACTS_FROM_PS, WATCH]
    .join("\n");
}

// Nothing that the owner had inherited is to be held open for longer than it does.
const PREPARE = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU PIPE ALRM USR1 USR2
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
cd /
set -f
nl='
'`;

// look_at_clock       sets now, in hundredths of a second since some time
// started PID         sets start, to nothing if nobody is there
// identify PID        sets id, to what tells this process from later ones of its number
// is_same START ID    whether what was identified is what was started then
// scan                sets table, five words for each process: number parent group
//                     session start; rows, of " number:start:group:session "; and
//                     ended, of " number:start:" for those that only wait to be reaped
// is_watcher PID
//
// The shell reads a file byte by byte, and does so in the way of the very run that
// it is told of. So with /proc a process is identified by the time, which is short:
// whoever was started later is another. (The clock may be a container's own, and
// the processes' starts not.)
const FACTS_FROM_PROC = `
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
  table= rows=' ' ended=' '
  set +f
  set -- $(grep -sH '' /proc/[0-9]*/stat | sed -n "s|$facts|\\\\1 \\\\2 \\\\3 \\\\4 \\\\5 \\\\7|p")
  set -f
  while [ $# -gt 0 ]; do
    case $2 in
      Z | X) ended="$ended$1:$6: " ;;
      *) table="$table $1 $3 $4 $5 $6" rows="$rows$1:$6:$4:$5 " ;;
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

const FACTS_FROM_PS = `
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
  table= rows=' ' ended=' '
  list=$(ps -A -o pid= -o ppid= -o pgid= -o stat= -o lstart= | tr : .)
  IFS=$nl
  set -- $list
  unset IFS
  for line do scan_one $line; done
}
scan_one() {
  case $4 in
    Z*) ended="$ended$1:$5_$6_$7_$8_$9: " ;;
    *) table="$table $1 $2 $3 0 $5_$6_$7_$8_$9" rows="$rows$1:$5_$6_$7_$8_$9:$3:0 " ;;
  esac
}
is_watcher() {
  case $(ps -o args= -p "$1") in *${WATCHER_NAME}) return 0 ;; esac
  return 1
}`;

const WATCH = `
# Each line is "kind number id", then who was seen in a group without its leader.
trees=$nl
cgroups=$nl
forget() {
  case $trees in
    *"$nl$1 "*)
      after=\${trees#*"$nl$1 "}
      trees=\${trees%%"$nl$1 "*}$nl\${after#*"$nl"} ;;
  esac
}
forget_cgroup() {
  case $cgroups in
    *"$nl$1$nl"*) cgroups=\${cgroups%%"$nl$1$nl"*}$nl\${cgroups#*"$nl$1$nl"} ;;
  esac
}
went_on() {
  case $trees in *"\${nl}g $1 "*) ;; *) return 0 ;; esac
  scan
  seen=
  for row in $rows; do
    case $row in *:"$1":* | *:"$1") seen="$seen \${row%:*:*}" ;; esac
  done
  forget "g $1"
  trees="\${trees}g $1 ended$seen$nl"
}

# Sets found, of " number:start ", to everyone who is to end, and leaders, of
# " number:start:", to the sessions and groups that are.
find_first() {
  scan
  found=' ' leaders=' '
  IFS=$nl
  set -- $trees
  unset IFS
  for line do find_root $line; done
  close_over
}
find_root() {
  kind=$1 number=$2 id=$3
  shift 3
  case $rows$ended in
    *" $number:"*)
      start=\${rows#*" $number:"}
      if [ "$start" = "$rows" ]; then start=\${ended#*" $number:"}; fi
      start=\${start%%:*}
      # A stranger's by now, or nobody can tell.
      [ "$id" != ended ] && is_same "$start" "$id" || return 0
      case $rows in *" $number:"*) found="$found$number:$start " ;; esac ;;
    *)
      if [ "$kind" = p ]; then return 0; fi
      start=ended
      if [ "$id" = ended ]; then
        known=
        for member do
          case $rows in *" $member:$number:"* | *" $member:"*":$number "*) known=1 ;; esac
        done
        if [ -z "$known" ]; then return 0; fi
      fi ;;
  esac
  if [ "$kind" = g ]; then leaders="$leaders$number:$start: "; fi
}
# The same after a while: who is still there, and who has come since. A group in
# which nobody is left is never looked at again.
find_again() {
  scan
  before=$found were=$leaders
  found=' ' leaders=' '
  for one in $before; do
    case $rows in *" $one:"*) found="$found$one " ;; esac
  done
  for leader in $were; do
    number=\${leader%%:*}
    case $rows$ended in
      *" $leader"*) ;;
      *" $number:"*) continue ;;
    esac
    case $rows in *:"$number":* | *:"$number "*) leaders="$leaders$leader " ;; esac
  done
  close_over
}
close_over() {
  grown=1
  while [ -n "$grown" ]; do
    grown=
    set -- $table
    while [ $# -gt 0 ]; do
      case $found in
        *" $1:"*) ;;
        *) if belongs "$1" "$2" "$3" "$4"; then add "$1" "$3" "$4" "$5"; fi ;;
      esac
      shift 5
    done
  done
}
belongs() {
  case $found in
    *" $2:"*) ;;
    *) case $leaders in *" $3:"* | *" $4:"*) ;; *) return 1 ;; esac ;;
  esac
  if [ "$1" = "$3" ] && is_watcher "$1"; then return 1; fi
}
add() {
  found="$found$1:$4 "
  grown=1
  if [ "$1" = "$2" ] || [ "$1" = "$3" ]; then leaders="$leaders$1:$4: "; fi
}
signal_all() {
  for leader in $leaders; do kill -s "$1" -- "-\${leader%%:*}"; done 2>/dev/null
  for one in $found; do
    group=\${rows#*" $one:"}
    case $leaders in
      *" \${group%%:*}:"*) ;;
      *) kill -s "$1" "\${one%%:*}" 2>/dev/null ;;
    esac
  done
}

in_cgroups() {
  IFS=$nl
  set -- "$1" $cgroups
  unset IFS
  action=$1
  shift
  for path do "$action" "$path"; done
}
terminate_cgroup() {
  for procs in $(find "$1" -name cgroup.procs | tr ' ' '?'); do
    set +f
    set -- $procs
    set -f
    while read -r number; do kill -s TERM "$number"; done <"$1" 2>/dev/null
  done
}
look_into_cgroup() {
  while read -r key value; do
    if [ "$key" = populated ] && [ "$value" = 1 ]; then populated=1; fi
  done <"$1/cgroup.events" 2>/dev/null
}
kill_cgroup() {
  { echo 1 >"$1/cgroup.kill"; } 2>/dev/null
}
remove_cgroup() {
  find "$1" -depth -type d -exec rmdir {} \\; 2>/dev/null
}
anyone_left() {
  populated=
  in_cgroups look_into_cgroup
  if [ "$trees" != "$nl" ]; then find_again; fi
  [ -n "$populated" ] || [ "$found$leaders" != '  ' ]
}
# Looking at everybody takes time as well: rounds could not be counted.
is_before() {
  look_at_clock
  [ "$now" -lt "$1" ]
}
pause() {
  sleep 0.05 2>/dev/null || sleep 1
}

# Where nothing more can be started, not even a sleep, the shell ends here and now,
# and what it knows of has to do.
last_resort() {
  in_cgroups kill_cgroup
  signal_all KILL
  IFS=$nl
  set -- $trees
  unset IFS
  for line do kill_known $line; done 2>/dev/null
}
kill_known() {
  started "$2"
  [ -n "$start" ] && [ "$3" != ended ] && is_same "$start" "$3" || return 0
  if [ "$1" = g ]; then kill -s KILL -- "-$2"; else kill -s KILL "$2"; fi
}

while read -r what kind name; do
  case $what$kind in
    +c) cgroups=$cgroups$name$nl ;;
    -c) forget_cgroup "$name" ;;
    +[gp])
      forget "$kind $name"
      identify "$name"
      trees="$trees$kind $name $id$nl" ;;
    -[gp]) forget "$kind $name" ;;
    '~g') went_on "$name" ;;
  esac
done

found=' ' leaders=' '
trap last_resort EXIT
if [ "$trees" != "$nl" ]; then find_first; fi
signal_all TERM
in_cgroups terminate_cgroup
look_at_clock
overdue=$((now + 100)) given_up=$((now + 600))
while is_before $overdue; do
  anyone_left || break
  pause
done
while is_before $given_up; do
  in_cgroups kill_cgroup
  anyone_left || break
  # Who is stopped starts nobody more.
  signal_all STOP
  if [ "$trees" != "$nl" ]; then find_again; fi
  signal_all KILL
  pause
done
in_cgroups remove_cgroup
exit 0`;
