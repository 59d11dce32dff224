#!/bin/sh
# What udhcpc calls with what it was told: the address goes to the interface, the rest where the agent reads it.
set -eu
lease=/run/ztp/lease
case $1 in
deconfig)
    ip -4 address flush dev "$interface" scope global
    rm -f "$lease"
    ;;
bound | renew)
    ip address replace "$ip/$mask" dev "$interface"
    cat >"$lease.new" <<END
address=$ip/$mask
server=${serverid:-}
bootfile=${bootfile:-${boot_file:-}}
END
    mv "$lease.new" "$lease"
    ;;
esac
