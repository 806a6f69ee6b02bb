#!/usr/bin/env bash
# Builds the InfluxDB server for the tests into the folder in the first argument. The sources come from the Go
# module proxy and crates.io. A build takes 5 to 10 minutes on two cores, so the Makefile builds only a missing
# server.
set -euo pipefail
bin=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"

# Flux, the query engine, is a Rust library. It pins an old toolchain, so this script chooses an installed one.
# It treats warnings as errors, and newer compilers give more warnings, so this script caps the lints.
cat >"$bin/rustc-cap-lints" <<'EOF'
#!/bin/sh
case " $* " in *" --cap-lints "*) exec "$@" ;; *) exec "$@" --cap-lints warn ;; esac
EOF
chmod +x "$bin/rustc-cap-lints"
export RUSTC_WRAPPER="$bin/rustc-cap-lints"
if command -v rustup >/dev/null; then
	RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-$(rustup toolchain list | awk '/^(stable|[0-9])/ {print $1; exit}')}
	export RUSTUP_TOOLCHAIN
fi

go build -o "$bin/pkg-config" github.com/influxdata/pkg-config
export PKG_CONFIG="$bin/pkg-config"
go build -o "$bin/influxd.partial" github.com/influxdata/influxdb/v2/cmd/influxd
mv "$bin/influxd.partial" "$bin/influxd"
