#!/usr/bin/env bash
# Runs all static checks on the main module and on the workflows. go.mod in this folder pins the versions of the tools.
set -euo pipefail
cd "$(dirname "$0")/../.."

unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi
go vet ./...
go tool -modfile=tools/lint/go.mod staticcheck ./...
go tool -modfile=tools/lint/go.mod actionlint -shellcheck= -pyflakes=

# govulncheck exits with 3 if it finds a vulnerability. It exits with another status if it cannot reach its database.
status=0
out=$(go tool -modfile=tools/lint/go.mod govulncheck ./... 2>&1) || status=$?
if [ $status != 0 ] && [ $status != 3 ] && [[ $out == *"fetching vulnerabilities"* ]]; then
	printf 'NOT CHECKED for known vulnerabilities: govulncheck cannot reach its database:\n%s\n' "$out" >&2
	exit 0
fi
printf '%s\n' "$out"
exit $status
