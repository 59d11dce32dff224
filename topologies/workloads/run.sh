# Starts a program that goes on by itself: run.sh NAME PROGRAM...
# NAME.pid is its line of /proc/PID/stat, which no later process of that number has; NAME.end is its exit code.
name=$1
shift
state=/run/closlab
mkdir -p "$state" /var/log/closlab
rm -f "$state/$name.pid" "$state/$name.end"
{
    setsid -w sh -c 'cat "/proc/$$/stat" >"$0.new" && mv "$0.new" "$0" && exec "$@"' "$state/$name.pid" "$@"
    echo "$?" >"$state/$name.end"
} </dev/null >>"/var/log/closlab/$name.log" 2>&1 &
