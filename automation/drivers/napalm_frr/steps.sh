# The router's half of a change of its configuration. Each call is one step, under one lock; the change itself outlives
# the call, and whoever made it: a timer here takes it back unless it is kept in time.
#
#   begin ID WHO SECONDS MESSAGE SEEN   check the grammar, remember what runs, set the timer, apply `delta`;
#                                       SEEN is the digest of the running configuration that `delta` begins with
#   apply ID                            apply another `delta`
#   offer ID                            from now on it may be confirmed by anybody; `undo` is the way back
#   keep ID OUTCOME                     end the timer and have the daemons write their startup configuration
#   revert ID OUTCOME                   go back now, by `undo` where the call brought one
#   show pending|last                   a change, and the configuration that was there before it
#
# ID "" means the change that waits to be confirmed, whose ever it is. Files come in the folder of this script:
#
#   pending/  id who message confirm deadline timer    the change that is under way
#             delta undo said                          what was applied, what leads back, FRR's words to it
#             snapshot flat daemons                    what ran before: the text, comparable, and which daemons
#   last/     the same, and outcome                    the change that ended last
#
# It needs sh, sed, coreutils, util-linux and vtysh.
set -u
umask 077
export LC_ALL=C
home=/run/napalm_frr
zebra=/etc/frr/zebra.conf
work=${0%/*}
PATIENCE=60 # seconds for one call of vtysh
BUSY=10 GRAMMAR=11 CHANGED=12 NOTHING=13 INCOMPLETE=14 UNSAVED=15

fail() { # CODE TEXT
    echo "$2" >&2
    exit "$1"
}

running() { timeout $PATIENCE vtysh -c 'show running-config no-header'; }

read_file() { timeout $PATIENCE vtysh "$@" </dev/null; }

# Each line with the blocks that it stands in, sorted: two texts that say the same come out the same.
flat() {
    block='' inner=''
    while IFS= read -r line; do
        case $line in
        '' | *'!' | *exit | *exit-* | end) ;;
        'interface '* | 'vrf '*) block="$line/" inner='' ;;
        ' address-family '*) inner="$line/" ;;
        '  '*) printf '%s\n' "$block$inner$line" ;;
        ' '*) inner="$line/" && printf '%s\n' "$block$line" ;;
        *) block="$line/" inner='' && printf '%s\n' "$line" ;;
        esac
    done | sort
}

daemons() { timeout $PATIENCE vtysh -c 'show daemons' | tr -s ' ' '\n' | sort; }

# What runs, and which daemons are there, by one vtysh: to start it is what takes long.
look() {
    timeout $PATIENCE vtysh -c 'show daemons' -c 'show running-config no-header' >"$work/look"
    sed -n 1p "$work/look" | tr -s ' ' '\n' | sort >"$work/daemons"
    sed 1d "$work/look" >"$work/snapshot"
}

lock() {
    exec 9>"$home/lock"
    flock -w 10 9 || busy
}

busy() { fail $BUSY "$(cat "$home/pending/who" 2>/dev/null || echo somebody)"; }

# Whether the timer of the pending change lives: the number alone could be another process's by now.
ticking() {
    timer=$(cat "$home/pending/timer" 2>/dev/null) || return 1
    case $(tr '\0' ' ' <"/proc/$timer/cmdline" 2>/dev/null) in
    *" timer $(cat "$home/pending/id") "*) return 0 ;;
    *) return 1 ;;
    esac
}

end_timer() { ! ticking || kill -s TERM -- "-$timer"; }

# A change without a timer would wait for ever.
settle() { [ ! -d "$home/pending" ] || ticking || go_back 'reverted: its timer had ended'; }

mine() { # ID
    [ -d "$home/pending" ] || fail $NOTHING "$(cat "$home/last/outcome" 2>/dev/null)"
    if [ -n "$1" ]; then
        [ "$1" = "$(cat "$home/pending/id")" ] || fail $NOTHING "$(cat "$home/last/outcome" 2>/dev/null)"
    else
        [ -e "$home/pending/confirm" ] || busy
    fi
}

ended() { # OUTCOME
    echo "$1" >"$home/pending/outcome"
    rm -rf "$home/last"
    mv "$home/pending" "$home/last"
}

same() { [ "$(running | flat)" = "$(cat "$home/pending/flat")" ]; }

# The way back that was worked out beforehand; then, for what a restarted daemon has lost, the former text as well.
go_back() { # OUTCOME
    waited=0
    while [ -n "$(daemons | comm -13 - "$home/pending/daemons")" ] && [ $waited -lt $PATIENCE ]; do
        waited=$((waited + 1))
        sleep 1
    done
    read_file -f "$home/pending/undo" >"$home/pending/said" 2>&1
    same || read_file -f "$home/pending/snapshot" >>"$home/pending/said" 2>&1
    if same; then
        ended "$1"
    else
        running | flat | comm -3 - "$home/pending/flat" >"$home/pending/differs"
        ended "$1, but not wholly"
        return 1
    fi
}

apply() {
    read_file -f "$home/pending/delta" >"$home/pending/said" 2>&1
    cat "$home/pending/said" >&2
    running
}

begin() { # ID WHO SECONDS MESSAGE SEEN
    settle
    [ ! -d "$home/pending" ] || busy
    read_file -C -f "$work/delta" >"$work/said" 2>&1 || fail $GRAMMAR "$(cat "$work/said")"
    look
    [ "$(sha256sum <"$work/snapshot")" = "$5  -" ] || fail $CHANGED 'the running configuration has changed meanwhile'
    flat <"$work/snapshot" >"$work/flat"
    echo "$1" >"$work/id"
    echo "$2" >"$work/who"
    echo "$4" >"$work/message"
    echo $(($(date +%s) + $3)) >"$work/deadline"
    mv "$work" "$home/pending"
    setsid sh "$home/pending/steps.sh" timer "$1" "$3" </dev/null >/dev/null 2>&1 9>&- &
    echo $! >"$home/pending/timer"
    apply
}

expire() { # ID
    lock
    [ "$1" != "$(cat "$home/pending/id" 2>/dev/null)" ] || go_back 'reverted: nobody confirmed it in time'
}

save() {
    words=$(timeout $PATIENCE vtysh -c 'write memory' 2>&1) || fail $UNSAVED "$words"
    case $words in
    *"Can't "* | *[Ff]ailed* | *[Ee]rror* | *'%'*) fail $UNSAVED "$words" ;;
    *saved*) ;;
    *) fail $UNSAVED "$words" ;;
    esac
    case $words in
    *"saved to $zebra"*) save_shared || fail $UNSAVED "cannot complete $zebra" ;;
    esac
}

# mgmtd of FRR 9 and later reads its part out of zebra's file, and zebra has just written that without it.
save_shared() {
    ! grep -qx mgmtd "$home/last/daemons" ||
        timeout $PATIENCE vtysh -d mgmtd -c 'show running-config no-header' | configuration >>"$zebra"
}

# What a daemon's file may say, out of what vtysh shows of the daemon.
configuration() {
    while IFS= read -r line; do
        case $line in
        end | 'frr version '* | 'frr defaults '* | 'hostname '* | *'service integrated-vtysh-config') ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
}

show() { # pending|last
    cd "$home/$1" 2>/dev/null || fail $NOTHING "no change is $1"
    for each in id who message deadline outcome; do
        echo "$(cat $each 2>/dev/null)"
    done
    [ -e confirm ] && echo yes || echo no
    stat -c %Y outcome 2>/dev/null || stat -c %Y id
    cat snapshot
}

step=$1
shift
if [ "$step" = timer ]; then
    sleep "$2"
    expire "$1"
    exit
fi
trap 'rm -rf "$work"' EXIT
lock
case $step in
begin) begin "$@" ;;
apply)
    mine "$1"
    mv "$work/delta" "$home/pending/delta"
    apply
    ;;
offer)
    mine "$1"
    mv "$work/undo" "$home/pending/undo"
    : >"$home/pending/confirm"
    ;;
keep)
    settle
    mine "$1"
    end_timer
    ended "$2"
    save
    ;;
revert)
    mine "$1"
    end_timer
    [ ! -e "$work/undo" ] || mv "$work/undo" "$home/pending/undo"
    go_back "$2" || fail $INCOMPLETE "$(cat "$home/last/said" "$home/last/differs")"
    ;;
show)
    settle
    show "$1"
    ;;
esac
