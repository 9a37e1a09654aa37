#!/usr/bin/env bash
# Builds kube-apiserver and etcd from their Go modules, as go.mod beside this file pins them, and prints the folder that holds both.
#
# With KUBEBUILDER_ASSETS set nothing is built: that folder is printed, when both programs are in it.
#
# FRR_RENDERER_CACHE (default ~/.cache/frr-renderer) is where the programs go, named after what they are built from; those that are there are
# used again. The first build takes about 4 minutes on two cores, at low priority; with --if-built it is not begun, which is an error.
set -euo pipefail
cd "$(dirname "$0")"

log() { echo "test/kube: $*" >&2; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
	for program in kube-apiserver etcd; do
		[ -x "$KUBEBUILDER_ASSETS/$program" ] || { log "KUBEBUILDER_ASSETS is set, but there is no $program in it"; exit 1; }
	done
	echo "$KUBEBUILDER_ASSETS"
	exit
fi

cache=${FRR_RENDERER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/frr-renderer}
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
dir=$cache/kube-$version-$(cat go.mod go.sum | sha256sum | cut -c 1-12)
if [ -e "$dir/.complete" ]; then
	echo "$dir"
	exit
fi
if [ "${1:-}" = --if-built ]; then
	log "kube-apiserver $version is not built"
	exit 1
fi
mkdir -p "$cache"
# One builds, the others wait: test packages of one run may all ask at once.
exec 9>"$cache/kube.lock"
flock 9
if [ -e "$dir/.complete" ]; then
	echo "$dir"
	exit
fi
started=$SECONDS
log "building kube-apiserver $version and etcd; this takes minutes, once"
mkdir -p "$dir"
minor=${version#v1.}
stamp=k8s.io/component-base/version
build() { CGO_ENABLED=0 nice go build -trimpath -ldflags "-s -w $3" -o "$dir/$1" "$2" >&2; }
build etcd go.etcd.io/etcd/server/v3 ""
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver \
	"-X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}"
touch "$dir/.complete"
log "built in $((SECONDS - started)) s"
echo "$dir"
