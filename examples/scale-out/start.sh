#!/bin/sh
# Starts three nodes on loopback that share a PostgreSQL database and a Redis server, each with a data directory of its own.
#
#   start.sh CASEMATE DIRECTORY POSTGRES_URL REDIS_URL [PORT]
#
# The nodes listen on PORT, PORT+10 and PORT+20 (7170, 7180, 7190), and on the next port for S3. They end with the script.
set -eu
umask 077

if [ $# -lt 4 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
casemate=$1 directory=$2 port=${5:-7170}
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$directory"
cd "$directory"
printf '%s\n' "$3" > database.url
printf '%s\n' "$4" > redis.url

# What credentials are hashed with is the same on all nodes; each node's key, by which it signs its log, is its own.
[ -e pepper.1 ] || head -c 32 /dev/urandom > pepper.1

nodes=
trap 'kill $nodes 2> /dev/null || true; wait' EXIT
trap 'exit 0' INT TERM
for number in 1 2 3; do
    mkdir -p "node$number/secrets"
    chmod 700 "node$number" "node$number/secrets"
    [ -e "node$number/secrets/pepper.1" ] || cp pepper.1 "node$number/secrets/pepper.1"
    "$casemate" serve --config "$here/node.toml" --data-dir "$PWD/node$number" \
        --listen "127.0.0.1:$((port + 10 * (number - 1)))" 2> "node$number.log" &
    nodes="$nodes $!"
done
echo "node1, node2 and node3 start in $PWD; try: $casemate user list --data-dir $PWD/node1"
failed=0
for node in $nodes; do
    wait "$node" || failed=1
done
[ "$failed" = 0 ] || echo "a node failed; see node1.log, node2.log and node3.log in $PWD" >&2
exit "$failed"
