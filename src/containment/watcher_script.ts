import { SCAN_BY_PROC, SCAN_BY_PS } from "./watcher_process_scan.ts";

/**
 * Returns the script of the watcher, for any POSIX shell. The owner is the program that
 * started the watcher. The script reads lines from its first argument, and then from stdin:
 *
 * - `+ g 12`: watch process 12, which leads a session and a group; `- g 12`: stop watching it
 * - `~ g 12`: process 12 has exited, and its group may continue
 * - `+ p 12`, `- p 12`: watch a process in the group of another process; stop watching it
 * - `+ c /path`, `- c /path`: watch a cgroup; stop watching it
 *
 * The owner has ended when stdin ends. The script then kills everything that is watched.
 *
 * A number may belong to another process by then. So a process counts only if it was started
 * before its `+` line was read. A group whose leader has exited counts only if it still
 * has a member that it had when the `~` line was read. No check is needed for a leader whose
 * exit was not announced: it existed until the owner ended, at least as a zombie, so its
 * number was not reused.
 *
 * `source` says how the script inspects processes: by `/proc`, or on systems without it by
 * `ps`, which does not report sessions.
 */
export function watcherScript(source: "proc" | "ps"): string {
  return [PREPARE, source === "proc" ? SCAN_BY_PROC : SCAN_BY_PS, WATCH]
    .join("\n");
}

// The shell closes the descriptors that the owner inherited and passed on, so that it does not
// hold them open after the owner has ended. A POSIX shell can name only 3 to 9.
const PREPARE = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU PIPE ALRM USR1 USR2
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
cd /
set -f
nl='
'`;

const WATCH = `
# watched has the numbers of all watched processes, and of some that are no longer
# watched. tree_12 describes process 12: "g <id>", "p <id>", or "g exited", followed by
# the members of the group as pid:start. It is not set if 12 is not watched. listed_12 is
# set if watched has 12. These are variables because searching one long text would take
# quadratic time.
watched= count=0 max_count=100
cgroups=$nl
watch_process() {
  identify "$2"
  eval "tree_$2=\\"\\$1 \\$id\\" listed=\\\${listed_$2-}"
  if [ -n "$listed" ]; then return 0; fi
  eval "listed_$2=1"
  watched="$watched $2" count=$((count + 1))
  if [ $count -gt $max_count ]; then drop_unwatched; fi
}
drop_unwatched() {
  set -- $watched
  watched= count=0
  for pid do
    eval "tree=\\\${tree_$pid-}"
    if [ -z "$tree" ]; then
      unset "listed_$pid"
    else
      watched="$watched $pid" count=$((count + 1))
    fi
  done
  max_count=$((count * 2 + 100))
}
unwatch_cgroup() {
  case $cgroups in
    *"$nl$1$nl"*) cgroups=\${cgroups%%"$nl$1$nl"*}$nl\${cgroups#*"$nl$1$nl"} ;;
  esac
}
leader_exited() {
  eval "tree=\\\${tree_$1-}"
  case $tree in g*) ;; *) return 0 ;; esac
  scan_processes
  members=
  for row in $rows; do
    case $row in *:*:"$1":* | *:*:*:"$1") members="$members \${row%:*:*}" ;; esac
  done
  eval "tree_$1=\\"g exited\\$members\\""
}

# Sets found to the processes to kill, as " pid:start pid:start ", and leaders to the
# sessions and groups to kill, as " pid:start: pid:start: ". The start is "exited" for a
# leader that has exited.
find_processes() {
  scan_processes
  set -- $table
  while [ $# -gt 0 ]; do
    eval "start_$1=$5 groups_$1=' $3 $4 '"
    shift 5
  done
  for row in $zombies; do
    start=\${row#*:}
    eval "start_\${row%%:*}=\${start%:}"
  done
  for pid in $watched; do
    eval "find_tree $pid \\$tree_$pid"
  done
  add_descendants
}
# Adds one watched process to found and leaders: PID KIND ID MEMBER...
find_tree() {
  pid=$1 kind=$2 id=$3
  shift 3
  eval "start=\\\${start_$pid-}"
  if [ -n "$start" ]; then
    # The number belongs to another process by now, or that cannot be ruled out.
    [ "$id" != exited ] && is_same_process "$start" "$id" || return 0
    case $rows in *" $pid:"*) found="$found$pid:$start " ;; esac
  else
    if [ "$kind" = p ]; then return 0; fi
    if [ "$id" = exited ]; then
      has_member=
      for member do check_member "$member" "$pid"; done
      if [ -z "$has_member" ]; then return 0; fi
    fi
    start=exited
  fi
  if [ "$kind" = g ]; then leaders="$leaders$pid:$start: "; fi
}
# Sets has_member if MEMBER, as pid:start, is still in the group or session GROUP.
check_member() {
  eval "start=\\\${start_\${1%%:*}-} member_groups=\\\${groups_\${1%%:*}-}"
  [ "$start" = "\${1#*:}" ] || return 0
  case $member_groups in *" $2 "*) has_member=1 ;; esac
}
# Updates found and leaders after some time: removes processes that have exited, and
# adds processes that were started since. A group that was empty once is removed for
# good, because its number may be reused.
update_processes() {
  scan_processes
  previous_found=$found previous_leaders=$leaders
  found=' ' leaders=' '
  for process in $previous_found; do
    case $rows in *" $process:"*) found="$found$process " ;; esac
  done
  for leader in $previous_leaders; do
    pid=\${leader%%:*}
    case $rows$zombies in
      *" $leader"*) ;;
      *" $pid:"*) continue ;;
    esac
    case "$group_ids " in *" $pid "*) leaders="$leaders$leader " ;; esac
  done
  add_descendants
}
# Adds to found every process that belongs to it, until no more is found.
add_descendants() {
  added=1
  while [ -n "$added" ]; do
    added=
    set -- $table
    while [ $# -gt 0 ]; do
      case $found in
        *" $1:"*) ;;
        *) if is_in_tree "$1" "$2" "$3" "$4"; then add_process "$1" "$3" "$4" "$5"; fi ;;
      esac
      shift 5
    done
  done
}
# Tests whether a process belongs to found: PID PARENT GROUP SESSION. The watcher of
# another program does not: it exits by itself, after it has done its own work.
is_in_tree() {
  case $found in
    *" $2:"*) ;;
    *) case $leaders in *" $3:"* | *" $4:"*) ;; *) return 1 ;; esac ;;
  esac
  if [ "$1" = "$3" ] && is_watcher "$1"; then return 1; fi
}
# Adds a process to found: PID GROUP SESSION START.
add_process() {
  found="$found$1:$4 "
  added=1
  if [ "$1" = "$2" ] || [ "$1" = "$3" ]; then leaders="$leaders$1:$4: "; fi
}
# Signals every group of leaders, and every process of found outside those groups.
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

# Calls a function with the path of each watched cgroup.
for_each_cgroup() {
  IFS=$nl
  set -- "$1" $cgroups
  unset IFS
  action=$1
  shift
  for path do "$action" "$path"; done
}
# Sends SIGTERM to every process of a cgroup. A space in a path becomes a wildcard, since
# the list of paths is split at spaces.
terminate_cgroup() {
  for procs in $(find "$1" -name cgroup.procs | tr ' ' '?'); do
    set +f
    set -- $procs
    set -f
    while read -r pid; do kill -s TERM "$pid"; done <"$1" 2>/dev/null
  done
}
check_populated() {
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
is_any_left() {
  populated=
  for_each_cgroup check_populated
  if [ $count -gt 0 ]; then update_processes; fi
  [ -n "$populated" ] || [ "$found$leaders" != '  ' ]
}
# Compares times instead of counting rounds, because a scan takes time as well.
is_before() {
  read_clock
  [ "$now" -lt "$1" ]
}
pause() {
  sleep 0.05 2>/dev/null || sleep 1
}

# The shell exits early if it cannot start a process, such as sleep. It then kills what it
# knows of, with builtins alone.
kill_with_builtins() {
  for_each_cgroup kill_cgroup
  signal_all KILL
  for pid in $watched; do
    eval "kill_watched $pid \\$tree_$pid"
  done 2>/dev/null
}
kill_watched() {
  read_start_time "$1"
  [ -n "$start" ] && [ "$3" != exited ] && is_same_process "$start" "$3" || return 0
  if [ "$2" = g ]; then kill -s KILL -- "-$1"; else kill -s KILL "$1"; fi
}

handle_line() {
  case $1$2 in
    +c) cgroups=$cgroups$3$nl ;;
    -c) unwatch_cgroup "$3" ;;
    +[gp]) watch_process "$2" "$3" ;;
    -[gp]) unset "tree_$3" ;;
    '~g') leader_exited "$3" ;;
  esac
}
# The first lines are an argument, the others come from stdin. A name may have spaces.
lines=$0
while [ "$lines" != "\${lines%%"$nl"*}" ]; do
  line=\${lines%%"$nl"*}
  lines=\${lines#*"$nl"}
  name=\${line#? ? }
  kind=\${line%" $name"}
  handle_line "\${kind% *}" "\${kind#* }" "$name"
done
while read -r operation kind name; do handle_line "$operation" "$kind" "$name"; done

# The owner has ended. Until kill_at, every process gets SIGTERM once and may exit; then,
# until give_up_at, what is left gets SIGKILL.
found=' ' leaders=' ' table=
drop_unwatched
trap kill_with_builtins EXIT
if [ $count -gt 0 ]; then find_processes; fi
signal_all TERM
for_each_cgroup terminate_cgroup
read_clock
kill_at=$((now + 100)) give_up_at=$((now + 600))
while is_before $kill_at; do
  is_any_left || break
  pause
done
while is_before $give_up_at; do
  for_each_cgroup kill_cgroup
  is_any_left || break
  # A stopped process cannot start another one between the scan and SIGKILL.
  signal_all STOP
  if [ $count -gt 0 ]; then update_processes; fi
  signal_all KILL
  pause
done
for_each_cgroup remove_cgroup
exit 0`;
