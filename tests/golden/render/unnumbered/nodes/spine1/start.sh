#!/bin/sh
# Makes this container the node spine1. May run again after a restart: it then keeps the files as they are.
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

mkdir -p /var/log/closlab /var/lib/closlab /etc/frr /run/frr /var/log/frr
if ! [ -e /var/lib/closlab/installed ]; then
    cp -R /etc/closlab/files/. /
    chmod 640 /etc/frr/zebra.conf /etc/frr/bgpd.conf /etc/frr/vtysh.conf /etc/frr/daemons
    : >/var/lib/closlab/installed
fi
if id frr >/dev/null 2>&1; then chown -R frr:frr /etc/frr /run/frr /var/log/frr; fi
# Sealed: no way out but through the fabric.
while ip -4 route del default 2>/dev/null; do :; done
while ip -6 route del default 2>/dev/null; do :; done
ip -4 -batch /etc/closlab/ip4.batch
ip -6 -batch /etc/closlab/ip6.batch
if [ -x /usr/lib/frr/mgmtd ]; then start mgmtd /run/frr/mgmtd.vty /usr/lib/frr/mgmtd -P 0 --limit-fds 4096 --log file:/var/log/frr/mgmtd.log; fi
start zebra /run/frr/zserv.api /usr/lib/frr/zebra -f /etc/frr/zebra.conf -P 0 --limit-fds 4096 --log file:/var/log/frr/zebra.log --v6-rr-semantics
start bgpd /run/frr/bgpd.vty /usr/lib/frr/bgpd -f /etc/frr/bgpd.conf -P 0 --limit-fds 4096 --log file:/var/log/frr/bgpd.log
