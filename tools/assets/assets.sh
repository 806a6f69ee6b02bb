#!/usr/bin/env bash
# Fetches the files of others that the pages and their tests use, at pinned versions, from npm. It checks the integrity that
# the registry states for a version for ever. Building, running and testing need neither this script nor Node. tools/release reads
# here which scripts are in the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
"$(dirname "$0")/../need.sh" npm

# fetch NAME VERSION INTEGRITY FOLDER FILE... unpacks files of a package into a folder.
fetch() {
	local name=$1 version=$2 integrity=$3 folder=$4
	shift 4
	local work
	work=$(mktemp -d)
	npm pack --silent --pack-destination "$work" "$name@$version" >/dev/null
	local got
	got=sha512-$(openssl dgst -sha512 -binary "$work"/*.tgz | base64 -w0)
	if [ "$got" != "$integrity" ]; then
		echo "$name $version has the integrity $got: expected $integrity" >&2
		exit 1
	fi
	rm -rf "$folder"
	mkdir -p "$folder"
	tar -xzf "$work"/*.tgz -C "$work"
	(cd "$work/package" && cp "$@" "$OLDPWD/$folder")
	(cd "$folder" && LC_ALL=C sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS)
	rm -rf "$work"
}

fetch uplot 1.6.32 sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw== web/static/vendor/uplot dist/uPlot.iife.min.js dist/uPlot.min.css LICENSE
# A Go module has Swagger UI itself, but not the notices that belong to it.
fetch swagger-ui-dist 5.29.1 sha512-qyjpz0qgcomRr41a5Aye42o69TKwCeHM9F8htLGVeUMKekNS6qAqz9oS7CtSvgGJSppSNAYAIh7vrfrSdHj9zw== wheel/licenses/swagger-ui-dist LICENSE NOTICE swagger-ui-bundle.js.LICENSE.txt swagger-ui-standalone-preset.js.LICENSE.txt
fetch axe-core 4.14.1 sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ== test/testdata/axe axe.min.js LICENSE
