#!/usr/bin/env bash
# Checks that the named tools are installed. For each missing tool it prints what to install and why.
set -euo pipefail

declare -A what=(
	[go]="Go 1.26 (https://go.dev/dl)"
	[cargo]="Rust's cargo (https://rustup.rs). It builds Flux, the query engine of the InfluxDB server for the tests. Or set INFLUXD=/path/to/influxd to use your own server"
	[cc]="a C compiler. It builds the InfluxDB server for the tests"
	[npm]="npm (https://nodejs.org). It fetches packages; nothing else needs it"
	[python3]="Python 3.11 or newer with its module venv. The tests run pytest in it"
)
missing=0
for tool in "$@"; do
	command -v "$tool" >/dev/null && continue
	echo "$tool is missing: install ${what[$tool]:-$tool}" >&2
	missing=1
done
for tool in "$@"; do
	if [ "$tool" = python3 ] && [ $missing = 0 ] &&
		! python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
		echo "python3 is $(python3 --version 2>&1): install ${what[python3]}" >&2
		missing=1
	fi
done
exit $missing
