# Holds a service address in a node for an announcer, for as long as that says within every LEASE seconds that it lives.
# However the announcer ends, kill -9 too, its end of our input closes, and the service is withdrawn from here.
#
#   sh lease.sh ADDRESS/LENGTH FAMILY LEASE API-SOCKET LOG [FAMILY TABLE]
#
# TABLE has the rules by which connections are handed over, where they are; they go with the address.
address=$1 family=$2 lease=$3 api=$4 log=$5
shift 5

withdrawn() {
    timeout -s KILL 5 gobgp --target "unix://$api" global rib del "$address" -a "$family"
}

ip address replace "$address" dev lo || exit
echo held
mkdir -p "${log%/*}"
exec >>"$log" 2>&1 # what was our output has nobody any more who reads it, once the announcer is gone

# One dot is one sign of life. `timeout` ends the reading of one that does not come in time.
while [ "$(timeout "$lease" head -c 1)" = . ]; do :; done

# Without gobgpd there is no session, and so nothing that is announced.
until withdrawn || ! pgrep -x gobgpd >/dev/null; do sleep 1; done
ip address del "$address" dev lo
if [ $# -gt 0 ] && nft list table "$@" >/dev/null; then nft delete table "$@"; fi
