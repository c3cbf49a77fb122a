#!/usr/bin/env bash
# `docker push` and `podman push` reach the registry: with an engine of its own, started for this and stopped again.
# Needs root.
set -euo pipefail
# shellcheck source=common.sh
source "$(dirname "$0")/common.sh"
engine_pid=
also_finish() { [ -z "$engine_pid" ] || { kill "$engine_pid" && wait "$engine_pid"; } 2>/dev/null || true; }
start_sandbox

step "an engine"
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/docker
# The engine trusts loopback registries without TLS.
dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs --data-root "$work/engine" \
  --exec-root "$work/exec" --pidfile "$work/docker.pid" --host "$DOCKER_HOST" >"$work/engine.log" 2>&1 &
engine_pid=$!
eventually 60 docker info

step "an image, pushed"
uri=$(text default repository.repositoryUri ecr create-repository --repository-name hello)
digest=$(python3 "$root/sandbox/tests/layout.py" "$(type -P true)" "$work/layout")
skopeo --insecure-policy copy --quiet "oci:$work/layout:v1" "docker-archive:$work/image.tar:hello:v1"
docker load --quiet --input "$work/image.tar"
docker tag hello:v1 "$uri:v1"
if docker push --quiet "$uri:v1" >"$work/said" 2>&1; then fail "pushed without a login"; fi
aws ecr get-login-password | docker login --username AWS --password-stdin "$host" 2>/dev/null
docker push --quiet "$uri:v1"
pushed=$(text default 'imageDetails[0].imageDigest' ecr describe-images --repository-name hello)
[ -n "$pushed" ] && [ "$pushed" != None ] || fail "nothing was pushed ($digest)"

step "and pulled again"
docker image rm --force "$uri:v1" hello:v1 >"$work/said"
docker pull --quiet "$uri@$pushed"
step "and by podman"
podman() { command podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs "$@"; }
export REGISTRY_AUTH_FILE=$work/podman.json
podman load --quiet --input "$work/image.tar" >"$work/said"
aws ecr get-login-password | podman login --tls-verify=false --username AWS --password-stdin "$host" >"$work/said"
podman push --quiet --tls-verify=false hello:v1 "$uri:podman"
tags=$(text default 'imageDetails[].imageTags[]' ecr describe-images --repository-name hello)
contains "$tags" podman
echo "docker push and podman push: done in $SECONDS s"
