#!/usr/bin/env bash
# Installs the FRR versions that the demo and the tests run against, and prints where each one lies.
#
#   install-frr.sh           the distribution's FRR (apt-get install), at /
#   install-frr.sh 10.3      also FRR 10.3, unpacked beside it in a folder of its own (about 7 seconds)
#
# FRR 10.3 comes from the next Debian release with the machine's own mirror. It is only unpacked, never installed: nothing
# of it can reach the system's own packages. The folder is a root for chroot(1): chroot FOLDER /usr/lib/frr/bgpd.
#
# FRR_RENDERER_CACHE (default ~/.cache/frr-renderer) is where the folder goes; one that is complete is used again.
set -euo pipefail

cache=${FRR_RENDERER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/frr-renderer}
log() { echo "install-frr: $*" >&2; }

need_root() {
	[ "$(id -u)" = 0 ] || { log "$1 needs root: run it as root, or install FRR yourself"; exit 1; }
}

# quietly COMMAND...: its output only when it fails.
quietly() {
	local out
	out=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive "$@" >"$out" 2>&1 </dev/null; then
		tail -n 20 "$out" >&2
		rm -f "$out"
		log "this did not work: $*"
		return 1
	fi
	rm -f "$out"
}

# without_services COMMAND...: what it installs is not started. A router of this machine's own is not what was asked for.
without_services() {
	local policy=/usr/sbin/policy-rc.d status=0
	if [ -e "$policy" ]; then # as in images, which start nothing anyway
		"$@"
		return
	fi
	trap "rm -f $policy" EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	"$@" || status=$?
	rm -f "$policy"
	trap - EXIT
	return "$status"
}

# install_distribution installs the distribution's FRR, without starting its service where none ran before.
install_distribution() {
	local missing=()
	[ -x /usr/lib/frr/bgpd ] && [ -x /usr/bin/vtysh ] || missing+=(frr)
	[ -x /usr/lib/frr/frr-reload.py ] || missing+=(frr-pythontools)
	command -v ip >/dev/null || missing+=(iproute2)
	if [ ${#missing[@]} -gt 0 ]; then
		need_root "installing ${missing[*]}"
		log "installing ${missing[*]} from the distribution"
		quietly apt-get update -q
		without_services quietly apt-get install -y -q --no-install-recommends "${missing[@]}"
		# Nor at the next boot.
		[ "${missing[0]}" != frr ] || quietly update-rc.d frr disable
	fi
	echo "/"
}

# unpack_next VERSION SUITE: FRR of another Debian release, unpacked into $cache/frr-VERSION.
unpack_next() {
	local version=$1 suite=$2 root=$cache/frr-$1
	if [ -e "$root/.complete" ]; then
		echo "$root"
		return
	fi
	need_root "unpacking FRR $version"
	mkdir -p "$cache"
	# One unpacks, the others wait: test packages of one run may all ask at once.
	exec 9>"$cache/frr-$version.lock"
	flock 9
	if [ -e "$root/.complete" ]; then
		echo "$root"
		return
	fi
	log "unpacking FRR $version from Debian $suite"
	rm -rf "$root" "$root.apt"
	local apt=$root.apt
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
	: >"$apt/state/status"
	local mirror
	mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort | uniq -c | sort -rn | awk '$2 ~ /\/debian\/?$/ {print $2; exit}')
	[ -n "$mirror" ] || { log "no Debian mirror among the machine's apt sources"; exit 1; }
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
	local opts=(
		-o "Dir::State=$apt/state" -o "Dir::State::status=$apt/state/status" -o "Dir::State::lists=$apt/state/lists"
		-o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=$apt/parts"
		-o "APT::Sandbox::User=root" -o "Debug::NoLocking=1"
	)
	quietly apt-get "${opts[@]}" update -q
	quietly apt-get "${opts[@]}" install -y -q --download-only --no-install-recommends frr frr-pythontools libpam-modules
	mkdir -p "$root"/usr/bin "$root"/usr/sbin "$root"/usr/lib "$root"/usr/lib64
	local link
	for link in bin sbin lib lib64; do
		ln -s "usr/$link" "$root/$link"
	done
	local deb
	for deb in "$apt"/cache/archives/*.deb; do
		dpkg -x "$deb" "$root"
	done
	mkdir -p "$root"/etc/frr "$root"/run/frr "$root"/var/tmp/frr "$root"/var/lib/frr "$root"/tmp "$root"/dev "$root"/proc "$root"/sys
	chmod 1777 "$root/tmp"
	[ -e "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
	[ -e "$root/dev/urandom" ] || mknod -m 666 "$root/dev/urandom" c 1 9
	# The daemons drop to user frr and group frrvty: the same numbers as outside, so that sockets have one owner.
	local uid gid vgid
	uid=$(id -u frr) gid=$(id -g frr) vgid=$(getent group frrvty | cut -d: -f3)
	printf 'root:x:0:0:root:/root:/bin/sh\nfrr:x:%s:%s::/nonexistent:/usr/sbin/nologin\n' "$uid" "$gid" >"$root/etc/passwd"
	printf 'root:x:0:\nfrr:x:%s:\nfrrvty:x:%s:frr\n' "$gid" "$vgid" >"$root/etc/group"
	# vtysh asks PAM, also as root: this root has no accounts to check.
	mkdir -p "$root/etc/pam.d"
	printf 'auth sufficient pam_permit.so\naccount sufficient pam_permit.so\n' | tee "$root/etc/pam.d/frr" >"$root/etc/pam.d/other"
	chroot "$root" /sbin/ldconfig 2>/dev/null || true
	local is
	is=$(chroot "$root" /usr/lib/frr/bgpd --version 2>&1 | head -n 1)
	case $is in
	*" $version"*) ;;
	*) log "Debian $suite has another FRR than $version: $is"; exit 1 ;;
	esac
	rm -rf "$apt"
	touch "$root/.complete"
	echo "$root"
}

install_distribution
for version in "$@"; do
	case $version in
	10.3) unpack_next 10.3 trixie ;;
	*) log "no recipe for FRR $version; known: 10.3"; exit 2 ;;
	esac
done
