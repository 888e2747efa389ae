#!/bin/sh
# Look at a camera, move it, save a picture, and wait for its next alarm, with the `nats` command line (natscli) and jq.
#
#     ./gate.sh [DEVICE]
#
# NATS_URL says where NATS is; `nats context` knows about logging in. Requests that are JSON are answered in JSON.
set -eu
device=${1:-gate}

ask() { # noun.verb, request
    answer=$(nats request --raw --timeout 10s "cambus.v1.cmd.$device.$1" "$2")
    case $answer in *'"device_code"'*) # an ErrorReply
        echo "$answer" >&2
        return 1 ;;
    esac
    echo "$answer"
}

ask device.info '{}' | jq -r '"\(.vendor // "") \(.model // "")"'
ask ptz.move '{"channel": 0, "pan": 0.5, "duration_s": 0.5}' >/dev/null && echo "it moves"

picture=$(ask snapshot.take '{"channel": 0}')
bucket=$(echo "$picture" | jq -r .bucket)
object=$(echo "$picture" | jq -r .object)
nats object get --force --output "$device.jpg" "$bucket" "$object" >/dev/null
echo "picture: $device.jpg"

echo "waiting for an alarm"
nats subscribe --count 1 "cambus.v1.evt.$device.alarm.raised"
