# Process 1 of one node: bash -c THIS namespace.sh NAME DIR ROOT BACKEND VRF...
#
# It starts in new network, mount, PID and UTS namespaces, lays out the node's file system, says "ready", and then only lives: when it
# dies, the kernel ends every process of the node and frees its namespaces, mounts and interfaces. It dies when the process
# that started it does (end of file on its standard input), unless it was told to stay.
#
# ROOT is the folder with the node's FRR, "-" for none. BACKEND is "netns" when network namespaces are to be VRFs.
set -e
name=$1 dir=$2 root=$3 backend=$4
shift 4
read -r pid _ </proc/self/stat # as this machine counts; here it is 1

mount --make-rprivate /
echo "$name" >/proc/sys/kernel/hostname
if [ "$backend" = netns ]; then
	mkdir -p /run/netns
	mount -t tmpfs netns /run/netns
	mount --make-shared /run/netns
fi
# lay_out ROOT: the node has its own /run/frr, /etc/frr and so on, at the usual places.
lay_out() {
	mkdir -p "$1/run/frr" "$1/etc/frr" "$1/var/log/frr" "$1/var/lib/frr" "$1/var/tmp/frr"
	mount --bind "$dir/run" "$1/run/frr"
	mount --bind "$dir/etc" "$1/etc/frr"
	mount --bind "$dir/log" "$1/var/log/frr"
	mount --bind "$dir/lib" "$1/var/lib/frr"
	mount --bind "$dir/crash" "$1/var/tmp/frr"
}
if [ "$root" != - ]; then
	lay_out ""
	# The node's vtysh, for this machine: its FRR, its files, its sockets.
	printf '#!/bin/sh\nexec nsenter -t %s -m -n -u -- chroot %s /usr/bin/vtysh "$@"\n' "$pid" "$root" >"$dir/vtysh"
	chmod 755 "$dir/vtysh"
fi
if [ "$root" != - ] && [ "$root" != / ]; then
	lay_out "$root"
	# What FRR in a root of its own must see of this machine: processes, temporary files under the same names, VRFs.
	mount --rbind /proc "$root/proc"
	mount --rbind /tmp "$root/tmp"
	[ -e "$root/var/run" ] || ln -s ../run "$root/var/run" || [ -e "$root/var/run" ]
	if [ "$backend" = netns ]; then
		mkdir -p "$root/run/netns"
		mount --bind /run/netns "$root/run/netns"
	fi
	mount --bind "$dir/vtysh" /usr/bin/vtysh
fi
for vrf in "$@"; do
	ip netns add "$vrf"
done
echo ready
exec >&2
if read -r word && [ "$word" = stay ]; then
	mkfifo "$dir/stay"
	exec 3<>"$dir/stay" </dev/null
	read -r -u 3
fi
