#!/bin/sh
# Runs the stories that need a container engine, with one started here by hand and stopped afterwards.
# Needs root and Debian's packages: apt-get install docker.io docker-registry skopeo
set -eu

directory=$(mktemp -d)
export DOCKER_HOST="unix://$directory/docker.sock" DOCKER_CONFIG="$directory/config"
dockerd --iptables=false --bridge=none --host "$DOCKER_HOST" --pidfile "$directory/pid" \
    --data-root "$directory/data" --exec-root "$directory/run" >"$directory/log" 2>&1 &
engine=$!
stop() {
    kill $engine && wait $engine || true
    umount "$directory/run/netns/default" 2>/dev/null || true
    rm -rf "$directory"
}
trap stop EXIT

until docker version >/dev/null 2>&1; do
    kill -0 $engine || { cat "$directory/log"; exit 1; }
    sleep 0.2
done
cargo test -p xtask image::tests::engines -- --ignored --test-threads 1
