#!/bin/busybox sh
# shellcheck shell=dash
#
# PID 1 of the machine once the disk is its root: makes a small Debian of it, runs the command, and ends the machine.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
ln -sf /proc/self/fd /dev/fd
ln -sf pts/ptmx /dev/ptmx

# All that a sandbox may need, and containers in one; elsewhere the kernel loads them when they are asked for, by aliases that
# are not in this machine.
for module in virtio_console overlay loop veth sch_ingress cls_bpf tun dummy bridge nf_tables nft_chain_nat nft_compat \
	xt_MASQUERADE xt_addrtype xt_comment xt_conntrack xt_mark xt_nat xt_tcpudp; do
	modprobe "$module" || echo "modprobe $module failed"
done
sed 's/ / +/g; s/^/+/' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control ||
	echo "some controllers could not be enabled"

hostname vm
ip link set lo up
# As docs/security.md wants a host. The last two are not in every kernel.
for setting in kernel/core_pattern=core kernel/dmesg_restrict=1 kernel/kptr_restrict=2 \
	kernel/io_uring_disabled=2 dev/tty/legacy_tiocsti=0; do
	file=/proc/sys/${setting%%=*}
	if [ -e "$file" ]; then echo "${setting#*=}" >"$file"; fi
done

tar -xf /dev/vdb -C / || echo "unpacking the files failed"

status=/dev/null
for port in /sys/class/virtio-ports/*; do
	if [ "$(cat "$port/name")" = status ]; then status=/dev/${port##*/}; fi
done

if [ -e /vm/interactive ]; then
	stty sane rows 24 cols 80 </dev/hvc0
	setsid -c sh /vm/command </dev/hvc0 >/dev/hvc0 2>&1
else
	stty raw -echo </dev/hvc0
	setsid sh /vm/command </dev/null >/dev/hvc0 2>&1
fi
code=$?

# What is written to the console goes out while the machine runs on; wait until it is all out.
stty -F /dev/hvc0 >/dev/null
echo $code >"$status"
poweroff -f
