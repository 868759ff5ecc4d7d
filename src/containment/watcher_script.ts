import { SCAN_BY_PROC, SCAN_BY_PS } from "./watcher_process_scan.ts";

/**
 * The program of the watcher, for any POSIX shell. It reads what its owner starts
 * and ends from its first argument and then from its stdin, line by line, and when that
 * ends, so has the owner:
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
  return [PREPARE, facts === "proc" ? SCAN_BY_PROC : SCAN_BY_PS, WATCH]
    .join("\n");
}

// What the owner had inherited is not to be held open for longer than it does, as far
// as a shell can name it.
const PREPARE = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU PIPE ALRM USR1 USR2
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
cd /
set -f
nl='
'`;

const WATCH = `
# The numbers of what is watched, and of some that are no more: tree_12 tells, "kind
# id", then who was seen in a group without its leader. Variables, since taking a
# text apart takes as long as the square of its length.
trees= count=0 most=100
cgroups=$nl
note() {
  identify "$2"
  eval "tree_$2=\\"\\$1 \\$id\\" listed=\\\${listed_$2-}"
  if [ -n "$listed" ]; then return 0; fi
  eval "listed_$2=1"
  trees="$trees $2" count=$((count + 1))
  if [ $count -gt $most ]; then tidy_up; fi
}
tidy_up() {
  set -- $trees
  trees= count=0
  for number do
    eval "tree=\\\${tree_$number-}"
    if [ -z "$tree" ]; then
      unset "listed_$number"
    else
      trees="$trees $number" count=$((count + 1))
    fi
  done
  most=$((count * 2 + 100))
}
forget_cgroup() {
  case $cgroups in
    *"$nl$1$nl"*) cgroups=\${cgroups%%"$nl$1$nl"*}$nl\${cgroups#*"$nl$1$nl"} ;;
  esac
}
went_on() {
  eval "tree=\\\${tree_$1-}"
  case $tree in g*) ;; *) return 0 ;; esac
  scan
  seen=
  for row in $rows; do
    case $row in *:*:"$1":* | *:*:*:"$1") seen="$seen \${row%:*:*}" ;; esac
  done
  eval "tree_$1=\\"g ended\\$seen\\""
}

# Sets found, of " number:start ", to everyone who is to end, and leaders, of
# " number:start:", to the sessions and groups that are.
find_first() {
  scan
  set -- $table
  while [ $# -gt 0 ]; do
    eval "start_$1=$5 leads_$1=' $3 $4 '"
    shift 5
  done
  for row in $ended; do
    start=\${row#*:}
    eval "start_\${row%%:*}=\${start%:}"
  done
  for number in $trees; do
    eval "find_root $number \\$tree_$number"
  done
  close_over
}
find_root() {
  number=$1 kind=$2 id=$3
  shift 3
  eval "start=\\\${start_$number-}"
  if [ -n "$start" ]; then
    # A stranger's by now, or nobody can tell.
    [ "$id" != ended ] && is_same "$start" "$id" || return 0
    case $rows in *" $number:"*) found="$found$number:$start " ;; esac
  else
    if [ "$kind" = p ]; then return 0; fi
    if [ "$id" = ended ]; then
      known=
      for member do is_known "$member" "$number"; done
      if [ -z "$known" ]; then return 0; fi
    fi
    start=ended
  fi
  if [ "$kind" = g ]; then leaders="$leaders$number:$start: "; fi
}
is_known() {
  eval "start=\\\${start_\${1%%:*}-} led_by=\\\${leads_\${1%%:*}-}"
  [ "$start" = "\${1#*:}" ] || return 0
  case $led_by in *" $2 "*) known=1 ;; esac
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
    case "$led " in *" $number "*) leaders="$leaders$leader " ;; esac
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
  set -- "$1" $table
  name=$1
  shift
  while [ $# -gt 0 ]; do
    case $found in
      *" $1:$5 "*) case $leaders in *" $3:"*) ;; *) kill -s "$name" "$1" ;; esac ;;
    esac
    shift 5
  done 2>/dev/null
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
  if [ $count -gt 0 ]; then find_again; fi
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
  for number in $trees; do
    eval "kill_known $number \\$tree_$number"
  done 2>/dev/null
}
kill_known() {
  started "$1"
  [ -n "$start" ] && [ "$3" != ended ] && is_same "$start" "$3" || return 0
  if [ "$2" = g ]; then kill -s KILL -- "-$1"; else kill -s KILL "$1"; fi
}

heed() {
  case $1$2 in
    +c) cgroups=$cgroups$3$nl ;;
    -c) forget_cgroup "$3" ;;
    +[gp]) note "$2" "$3" ;;
    -[gp]) unset "tree_$3" ;;
    '~g') went_on "$3" ;;
  esac
}
lines=$0
while [ "$lines" != "\${lines%%"$nl"*}" ]; do
  line=\${lines%%"$nl"*}
  lines=\${lines#*"$nl"}
  name=\${line#? ? }
  kind=\${line%" $name"}
  heed "\${kind% *}" "\${kind#* }" "$name"
done
while read -r what kind name; do heed "$what" "$kind" "$name"; done

found=' ' leaders=' ' table=
tidy_up
trap last_resort EXIT
if [ $count -gt 0 ]; then find_first; fi
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
  if [ $count -gt 0 ]; then find_again; fi
  signal_all KILL
  pause
done
in_cgroups remove_cgroup
exit 0`;
