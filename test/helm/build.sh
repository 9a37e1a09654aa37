#!/usr/bin/env bash
# Builds helm from its Go module, as go.mod beside this file pins it, and prints the path of the program.
#
# FRR_RENDERER_CACHE (default ~/.cache/frr-renderer) is where it goes, named after what it is built from; one that is there is used again.
# The first build takes about 2 minutes on two cores, at low priority; with --if-built it is not begun, which is an error.
set -euo pipefail
cd "$(dirname "$0")"

log() { echo "test/helm: $*" >&2; }

cache=${FRR_RENDERER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/frr-renderer}
version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)
dir=$cache/helm-$version-$(cat go.mod go.sum | sha256sum | cut -c 1-12)
if [ -e "$dir/.complete" ]; then
	echo "$dir/helm"
	exit
fi
if [ "${1:-}" = --if-built ]; then
	log "helm $version is not built"
	exit 1
fi
mkdir -p "$dir"
# One builds, the others wait.
exec 9>"$cache/helm.lock"
flock 9
if [ -e "$dir/.complete" ]; then
	echo "$dir/helm"
	exit
fi
started=$SECONDS
log "building helm $version; this takes minutes, once"
CGO_ENABLED=0 nice go build -trimpath -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version" \
	-o "$dir/helm" helm.sh/helm/v4/cmd/helm >&2
touch "$dir/.complete"
log "built in $((SECONDS - started)) s"
echo "$dir/helm"
