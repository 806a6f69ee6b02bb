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

# What gosec looks for and is no fault here, wherever it is:
#   G104 errors that nobody handles: of files that were only read, and of texts that stay in memory
#   G115 conversions between integers: numbers have been checked, or are bytes of a format
#   G125 paths below an address of the bridge: their parts are escaped, and name no other host
#   G204, G702 programs that are started, and G304, G703 files that are opened: the person at the command line names them
#   G404 random numbers that others can guess: they spread attempts over time
#   G602 indexes: Go checks them
# Tests start programs and open files too.
go tool -modfile=tools/lint/go.mod gosec -quiet -exclude=G104,G115,G125,G204,G304,G404,G602,G702,G703 -exclude-dir=test ./...

# govulncheck exits with 3 if it finds a vulnerability. It exits with another status if it cannot reach its database.
status=0
out=$(go tool -modfile=tools/lint/go.mod govulncheck ./... 2>&1) || status=$?
if [ $status != 0 ] && [ $status != 3 ] && [[ $out == *"fetching vulnerabilities"* ]]; then
	printf 'NOT CHECKED for known vulnerabilities: govulncheck cannot reach its database:\n%s\n' "$out" >&2
	exit 0
fi
printf '%s\n' "$out"
exit $status
