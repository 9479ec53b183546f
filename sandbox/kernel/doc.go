// Package kernel reads, from the host's side, what the kernel knows about one sandbox.
//
// A sandbox hands over a [Source]: where its state stands. A [View] is one look at it, made of typed parts: processes with
// both their pids, namespaces, capabilities and filters; control groups with their files; mounts, interfaces, host names, files. Panels show
// it, and exercises are judged by it, so the names and comments of its fields are also the reference for authors.
//
//	reader, err := source.Open()
//	view, err := reader.Read(ctx, kernel.WantProcesses|kernel.WantCgroups)
//	view.Cgroup("demo").MemoryMax
//	view.File("/etc/hostname").Content
//
// Only what is wanted is read. A group or a file is read when it is asked for, and then kept with the View.
//
// # What is trusted
//
// The learner is root in the sandbox and may tamper with everything there, PID 1 and its /proc included. So nothing inside is
// asked. The sandbox's processes are those in the subtree of its own group, which cannot be left from inside; the rest comes from the host's
// procfs and cgroupfs. "Own" namespaces are those that differ from what PID 1 had at the first look.
// Names, command lines and paths are the learner's choice: they are data, shown and compared, never followed.
//
// Files below a root are opened by openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, first without reading (O_PATH), and
// only regular files and directories are then read. A namespace is entered (setns(2)) for the host name and the interfaces alone, by a
// thread that runs nothing of the sandbox's.
//
// # What is an error
//
// A process, group or file that is not there, or goes away while it is read, is left out, or has Exists false. [ErrEnded] says that the
// sandbox has ended. Every other failure is ours, an [*Error], and is never taken for a wrong answer.
//
// # cgroup v1
//
// The fields are named after the files of v2. On a v1 host they are filled from the files of the same meaning
// (cgroupfiles.go is the table), and [Cgroup.Evidence] tells which file it was, as the learner finds it.
// What v1 does not have keeps its default: unlimited, 0, or not known.
//
// # What happened before
//
// A [Recorder] keeps what differs from one look at a sandbox to the next, and tells it in words: the timeline. Its comment says what
// it guarantees. With a [Connector] it knows also of processes that come and go between two looks: that they were there, and how they ended,
// always; what they were like, if they live for some 300 µs after their exec. Measured on two busy cores (a load of 17, Linux 6.18): a
// "sleep 0.01" in a network namespace of its own was seen in it 50 times of 50, "true" 198 times of 200. Without a Connector, the
// bound is the time between two looks.
package kernel
