#!/usr/bin/env bash
# What the README tells a newcomer to type, with a home in which there is nothing, and what they may try next.
set -euo pipefail
cd "$(dirname "$0")/../.."

export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
HOME=$(mktemp -d)
export HOME
unset "${!AWS_@}" "${!FOOTHOLD_@}"
told=$HOME/told

xtask() {
  echo "\$ cargo xtask $*"
  cargo --quiet xtask "$@" </dev/null >"$told" 2>&1 || { cat "$told"; echo "failed: cargo xtask $*"; exit 1; }
}

says() { grep -qF -- "$1" "$told" || { cat "$told"; echo "\`$1\` was not said"; exit 1; }; }

end() { cargo --quiet xtask sandbox stop >/dev/null 2>&1 || true; rm -rf "$HOME"; }
trap end EXIT

! cargo --quiet xtask sandbox status >/dev/null 2>&1 || { echo "a sandbox of this clone runs already"; exit 1; }
xtask bootstrap --sandbox --yes
url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$told" | tail -1)
curl --silent --fail "$url" >/dev/null
xtask bootstrap --sandbox --yes; says unchanged
xtask status --sandbox; says "As declared"
xtask plan --sandbox --check

xtask config set boolEnableLimitResults=true --stage development --sandbox --yes; says "Live in"
xtask config rollback --stage development --sandbox --yes; says "Live in"
xtask logs --stage development --sandbox
xtask exec --stage development --sandbox -- sh -c 'test -n "$AWS_SESSION_TOKEN"'

# A sandbox that was stopped goes on where it was.
xtask sandbox status
xtask sandbox stop
xtask bootstrap --sandbox --yes; says "$url"
xtask status --sandbox; says "As declared"

xtask teardown --sandbox --yes; says "Nothing of ListServices is left in 2 accounts but"
! curl --silent --fail --max-time 5 "$url" >/dev/null || { echo "$url still answers"; exit 1; }
xtask sandbox reset
[ ! -e target/sandbox/world.json ] || { echo "a reset sandbox remembers"; exit 1; }
[ -z "$(find "$HOME" -mindepth 1 -not -path "$told")" ] || { find "$HOME"; echo "something was left at home"; exit 1; }
git diff --quiet || { git diff --stat; echo "the repository was changed"; exit 1; }
echo "a newcomer's first run: good"
