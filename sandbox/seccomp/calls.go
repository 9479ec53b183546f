package seccomp

import "strings"

// The calls that both [Sandbox] and [Default] allow, by what they are about. They are what a program without capabilities
// needs; the names of old 32-bit calls are here too, so that a profile made of them says the same on every machine.
//
// A call that is in no list here is not allowed by either policy.

// modeCalls change the permission bits of a file. They stand alone because a lesson takes them away.
const modeCalls = `chmod fchmod fchmodat fchmodat2`

const fileCalls = `
	access cachestat chdir chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
	fadvise64 fadvise64_64 arm_fadvise64_64 fallocate fchdir fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr
	flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64
	futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
	inotify_rm_watch lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr _llseek lremovexattr lseek
	lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pread64 preadv
	preadv2 pwrite64 pwritev pwritev2 read readahead readdir readlink readlinkat readv removexattr removexattrat rename
	renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink
	symlinkat sync sync_file_range sync_file_range2 arm_sync_file_range syncfs tee truncate truncate64 umask unlink
	unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev`

const memoryCalls = `
	brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect
	mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages`

// processCalls has neither clone nor clone3: each policy says what it thinks of new namespaces.
const processCalls = `
	alarm arch_prctl capget capset execve execveat exit exit_group fork getcpu getegid getegid32 geteuid geteuid32
	getgid getgid32 getgroups getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getresgid getresgid32
	getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 get_robust_list get_thread_area ioprio_get
	ioprio_set kill nice pause pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq rt_sigaction
	rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
	rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
	sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
	sched_setscheduler sched_yield set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid
	setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid
	setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 sigaction sigaltstack signal
	sigpending sigprocmask sigreturn sigsuspend tgkill times tkill ugetrlimit uname uretprobe uprobe vfork wait4 waitid
	waitpid`

const eventCalls = `
	epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
	futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake io_cancel io_destroy io_getevents io_pgetevents
	io_pgetevents_time64 io_setup io_submit mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64
	mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd _newselect pipe pipe2 poll ppoll ppoll_time64
	pselect6 pselect6_time64 select semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget signalfd
	signalfd4`

// timeCalls read clocks and arm timers. adjtimex reads too; the kernel itself refuses its setting half to whoever is not
// root of the host.
const timeCalls = `
	adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
	clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep sysinfo time timer_create timer_delete
	timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
	timerfd_gettime64 timerfd_settime timerfd_settime64 getrandom`

// socketCalls work on a socket that is there. socket, socketpair and setsockopt are decided by argument.
const socketCalls = `
	accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg
	send sendmmsg sendmsg sendto shutdown`

// confineCalls take rights from their caller only.
const confineCalls = `landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp`

// spyCalls work on the memory and descriptors of one's own other processes; debuggers, strace and some runtimes live on them.
const spyCalls = `ptrace process_vm_readv process_vm_writev`

// words joins lists of names.
func words(lists ...string) []string {
	return strings.Fields(strings.Join(lists, " "))
}
