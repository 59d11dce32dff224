#!/bin/sh
# Makes this container the node leaf1-host1. May run again after a restart: it then keeps the files as they are.
set -eu

start() {
    name=$1
    ready=$2
    shift 2
    if [ -n "$ready" ]; then rm -f "$ready"; fi
    "$@" </dev/null >"/var/log/closlab/$name.log" 2>&1 &
    pid=$!
    tries=1500
    until [ -z "$ready" ] || [ -S "$ready" ]; do
        if [ "$tries" -eq 0 ] || ! [ -d "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"; then
            echo "$name did not start:" >&2
            cat "/var/log/closlab/$name.log" >&2
            exit 1
        fi
        tries=$((tries - 1))
        sleep 0.02
    done
}

mkdir -p /var/log/closlab /var/lib/closlab
if ! [ -e /var/lib/closlab/installed ]; then
    : >/var/lib/closlab/installed
fi
# Sealed: no way out but through the fabric.
while ip -4 route del default 2>/dev/null; do :; done
while ip -6 route del default 2>/dev/null; do :; done
ip -4 -batch /etc/closlab/ip4.batch
ip -6 -batch /etc/closlab/ip6.batch
