#!/usr/bin/env bash
# Fails when `go generate` changes a file: what is generated has to be committed as generated.
# Compares the files with themselves rather than with a commit, so that it also works in mid-work.
set -euo pipefail
cd "$(dirname "$0")/.."

state() {
	git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do
			[ -f "$file" ] && printf '%s %s\n' "$(git hash-object --no-filters -- "$file")" "$file"
		done
}

before=$(state)
go generate ./...
after=$(state)
if [ "$before" != "$after" ]; then
	echo "generated files were out of date; commit what go generate made of them:" >&2
	diff <(echo "$before") <(echo "$after") | sed -n 's/^> [0-9a-f]* /    /p' | sort -u >&2
	exit 1
fi
