#!/usr/bin/env bash
# Builds promql beside this file with Prometheus' parser, as go.mod pins it, and prints the path of the program.
#
# FRR_RENDERER_CACHE (default ~/.cache/frr-renderer) is where it goes, named after what it is built from; one that is there is used again.
# The first build takes about half a minute on two cores, at low priority; with --if-built it is not begun, which is an error.
set -euo pipefail
cd "$(dirname "$0")"

log() { echo "test/promql: $*" >&2; }

cache=${FRR_RENDERER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/frr-renderer}
dir=$cache/promql-$(cat go.mod go.sum main.go | sha256sum | cut -c 1-12)
if [ -e "$dir/promql" ]; then
	echo "$dir/promql"
	exit
fi
if [ "${1:-}" = --if-built ]; then
	log "promql is not built"
	exit 1
fi
started=$SECONDS
log "building promql; this takes a while, once"
mkdir -p "$dir"
# Under another name until it is whole: test packages of one run may build at once.
whole=$(mktemp "$dir/.promql.XXXXXX")
CGO_ENABLED=0 nice go build -trimpath -o "$whole" . >&2
chmod 755 "$whole"
mv "$whole" "$dir/promql"
log "built in $((SECONDS - started)) s"
echo "$dir/promql"
