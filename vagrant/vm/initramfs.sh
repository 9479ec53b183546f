#!/bin/busybox sh
# shellcheck shell=dash
#
# The first program of the machine: finds the disk and makes it the root.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
echo "the first program runs" >/dev/console # whoever started the machine waits for this line
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
	insmod "/modules/$module" || echo "insmod $module failed"
done </modules/order

# The disk is probed beside us.
tries=0
until mount -t ext4 /dev/vda /root 2>/dev/null; do
	tries=$((tries + 1))
	if [ $tries -gt 100 ]; then
		echo "no root disk"
		poweroff -f
	fi
	usleep 50000
done
mount --move /dev /root/dev
mount --move /proc /root/proc
mount --move /sys /root/sys
exec switch_root /root /vm/init
