#!/usr/bin/env bash
# Runs every static check over the main module. The tools' versions are pinned in go.mod beside this file.
set -euo pipefail
cd "$(dirname "$0")/../.."

unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi
go vet ./...
go tool -modfile=tools/lint/go.mod staticcheck ./...

# govulncheck ends with 3 when it has found something. Where its database cannot be reached nothing is known.
status=0
out=$(go tool -modfile=tools/lint/go.mod govulncheck ./... 2>&1) || status=$?
if [ $status != 0 ] && [ $status != 3 ] && [[ $out == *"fetching vulnerabilities"* ]]; then
	printf 'NOT CHECKED for known vulnerabilities, because the database cannot be reached:\n%s\n' "$out" >&2
	exit 0
fi
printf '%s\n' "$out"
exit $status
