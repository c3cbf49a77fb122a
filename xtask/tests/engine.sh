#!/usr/bin/env bash
# Runs the stories that need a container engine, with one started here by hand and stopped afterwards.
# Needs root and Debian's packages: apt-get install docker.io docker-registry mmdebstrap openssl podman skopeo
set -euo pipefail
cd "$(dirname "$0")/../.."

directory=$(mktemp -d)
export DOCKER_HOST="unix://$directory/docker.sock" DOCKER_CONFIG="$directory/config"
export CONTAINERS_STORAGE_CONF="$directory/storage.conf"
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$directory/podman" "$directory/podman-run" \
  >"$CONTAINERS_STORAGE_CONF"
dockerd --iptables=false --ip6tables=false --bridge=none --host "$DOCKER_HOST" --pidfile "$directory/pid" \
  --data-root "$directory/data" --exec-root "$directory/run" >"$directory/log" 2>&1 &
engine=$!
stop() {
  kill $engine && wait $engine || true
  umount "$directory/run/netns/default" 2>/dev/null || true
  rm -rf "$directory"
}
trap stop EXIT

# What the Dockerfile builds in, made of Debian's packages, this machine's toolchain, and the crates it has fetched:
# the build then needs no registry at all.
base() {
  local name sysroot crates=${CARGO_HOME:-$HOME/.cargo}/registry
  name=$(sed -n 's/^ARG BASE=//p' app/Dockerfile)
  sysroot=$(rustc --print sysroot)
  cargo fetch --locked --quiet
  mmdebstrap --quiet --variant=minbase --include=gcc,libc6-dev,ca-certificates \
    --customize-hook='mkdir -p "$1/usr/local/cargo/registry"' \
    --customize-hook="copy-in $sysroot/bin $sysroot/lib /usr/local" \
    --customize-hook="copy-in $crates/cache $crates/index /usr/local/cargo/registry" \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" - |
    docker import --change 'ENV CARGO_HOME=/usr/local/cargo' --change 'ENV CARGO_NET_OFFLINE=true' - "$name"
}

until docker version >/dev/null 2>&1; do
  kill -0 $engine || { cat "$directory/log"; exit 1; }
  sleep 0.2
done
base
cargo test --workspace --bin xtask image::tests::engines -- --ignored --test-threads 1 | tee "$directory/said"
# A filter that fits nothing is no success.
grep --quiet '^test result: ok. 5 passed; 0 failed' "$directory/said"
