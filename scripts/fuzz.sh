#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME (default 30s), one after the other, as go test can fuzz
# only one at a time. FUZZ, a regular expression, chooses some of them.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=$(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/' | sort || true)
count=0 failed=()
while IFS=: read -r file name; do
	[ -n "$name" ] || continue
	[[ $name =~ ${FUZZ:-} ]] || continue
	package=$(dirname "$file")
	count=$((count + 1))
	echo "== $package $name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "$package" || failed+=("$package $name")
done <<<"$targets"

if [ "$count" -eq 0 ]; then
	echo "fuzz: no target${FUZZ:+ matches $FUZZ}" >&2
	exit 1
fi
if [ "${#failed[@]}" -gt 0 ]; then
	printf 'fuzz: failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
