# What the scripts beside this share: a sandbox of their own, an AWS CLI that knows nothing else, and assertions.
# SANDBOX and APP name the binaries, SCALE how many of AWS's seconds pass in one, KEEP where to leave everything.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SANDBOX=${SANDBOX:-$root/target/debug/sandbox}
APP=${APP:-$root/target/debug/app}
work=$(mktemp -d)
sandbox_pid=

# What a script has to stop besides.
also_finish() { :; }

finish() {
  local status=$?
  also_finish
  [ -z "$sandbox_pid" ] || { kill "$sandbox_pid" && wait "$sandbox_pid"; } 2>/dev/null || true
  [ "$status" = 0 ] || { echo "FAILED (status $status) after: ${now_doing:-nothing}" >&2; tail -n 5 "$work/said" >&2 || true; }
  [ -z "${KEEP:-}" ] || cp -r "$work" "$KEEP"
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

# The CLI keeps sessions of roles under the home directory, and would take those of an earlier sandbox for this one's.
aws() { HOME=$work command aws "$@"; }

step() { now_doing=$*; echo "— $*"; }

fail() { echo "FAILED: $*" >&2; exit 1; }

# is ACTUAL EXPECTED
is() { [ "$1" = "$2" ] || fail "$now_doing: got \`$1\`, expected \`$2\`"; }

# contains TEXT PART
contains() { case $1 in *"$2"*) ;; *) fail "$now_doing: \`$1\` does not contain \`$2\`" ;; esac; }

# eventually SECONDS COMMAND…: asks until it succeeds.
eventually() {
  local end=$((SECONDS + $1)); shift
  until "$@" >"$work/said" 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "$now_doing: still not: $*: $(tail -n 2 "$work/said")"
    sleep 0.2
  done
}

# becomes SECONDS VALUE COMMAND…: asks until the command says VALUE.
becomes() {
  local seconds=$1 value=$2; shift 2
  says() { local said; said=$("$@") && echo "it says \`$said\`" && [ "$said" = "$value" ]; }
  eventually "$seconds" says "$@"
}

# refused CODE COMMAND…: the command has to fail with AWS's code.
refused() {
  local code=$1; shift
  if "$@" >"$work/said" 2>&1; then fail "$now_doing: allowed, but should be $code: $*"; fi
  contains "$(cat "$work/said")" "($code)"
}

# of FILE MEMBER
of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }

# Nothing of the caller's AWS is seen: neither its variables nor its files.
start_sandbox() {
  local name
  for name in $(compgen -e | grep '^AWS_' || true); do unset "$name"; done
  "$SANDBOX" --directory "$work/sandbox" --scale "${SCALE:-60}" "$@" >"$work/start.json" 2>"$work/said" &
  sandbox_pid=$!
  eventually 20 of "$work/start.json" endpoint
  endpoint=$(of "$work/start.json" endpoint)
  host=${endpoint#http://}
  export AWS_ENDPOINT_URL=$endpoint AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials
  export AWS_EC2_METADATA_DISABLED=true AWS_PAGER= NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
  aws configure set region "$(of "$work/start.json" region)"
  aws configure set aws_access_key_id "$(of "$work/start.json" access_key_id)"
  aws configure set aws_secret_access_key "$(of "$work/start.json" secret_access_key)"
}

# text PROFILE QUERY COMMAND…: one value.
text() { local profile=$1 query=$2; shift 2; aws --profile "$profile" --output text --query "$query" "$@"; }
