// Seccomp-run starts a command behind a seccomp filter: what `docker run --security-opt seccomp=FILE` does to a container,
// without the container.
//
//	seccomp-run PROFILE.json COMMAND [ARG…]    load the profile and become COMMAND
//	seccomp-run --explain PROFILE.json         list what the profile denies on this machine
//	seccomp-run --strict                       copy input to output in strict mode, then make one call too many
//
// PROFILE.json is in Docker's format; see the package glassbox/sandbox/seccomp for what of it is read. Rules that ask for
// capabilities (includes, excludes) look at this process's permitted set.
//
// The kernel takes a filter from whoever has CAP_SYS_ADMIN in the user namespace, or has set no_new_privs, so that a
// set-user-ID program cannot be tricked by a filter. Seccomp-run sets no_new_privs only where the capability is missing.
//
// Its exit status is the command's; 125 where seccomp-run itself failed, 126 where the command could not be started and 127
// where it was not found.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"glassbox/sandbox/seccomp"
)

const usage = `usage: seccomp-run PROFILE.json COMMAND [ARG…]
       seccomp-run --explain PROFILE.json
       seccomp-run --strict

Start COMMAND behind a seccomp filter in Docker's JSON format.

  --explain   list which system calls the profile denies here, by what happens
  --strict    copy standard input to standard output in seccomp's strict mode
              (read, write, exit and sigreturn only), then call getpid
`

// Exit statuses, as those of env(1) and docker run.
const (
	statusFailed   = 125
	statusNoStart  = 126
	statusNotFound = 127
)

func main() {
	status, err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "seccomp-run:", err)
	}
	os.Exit(status)
}

func run(args []string, stdout, stderr io.Writer) (status int, err error) {
	flags := flag.NewFlagSet("seccomp-run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	explaining := flags.Bool("explain", false, "")
	strict := flags.Bool("strict", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0, nil
	case err != nil:
		return statusFailed, nil // flags has said it
	}
	switch rest := flags.Args(); {
	case *strict && *explaining, *strict && len(rest) > 0, *explaining && len(rest) != 1, !*strict && !*explaining && len(rest) < 2:
		flags.Usage()
		return statusFailed, nil
	case *strict:
		return strictMode(stderr)
	case *explaining:
		profile, err := load(rest[0], stderr)
		if err != nil {
			return statusFailed, err
		}
		explain(stdout, rest[0], profile.Policy)
		return 0, nil
	default:
		return become(rest[0], rest[1:], stderr)
	}
}

// load reads a profile, and warns about names that no call has.
func load(file string, stderr io.Writer) (*seccomp.Profile, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	facts, err := here()
	if err != nil {
		return nil, err
	}
	profile, err := seccomp.ParseProfile(data, facts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, warning := range profile.Unknown {
		fmt.Fprintf(stderr, "seccomp-run: %s: %s\n", file, warning)
	}
	return profile, nil
}

// become loads the filter and turns this process into the command. It returns only with an error. The command is looked up first,
// since the filter may forbid looking.
func become(file string, command []string, stderr io.Writer) (status int, err error) {
	profile, err := load(file, stderr)
	if err != nil {
		return statusFailed, err
	}
	path, err := exec.LookPath(command[0])
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return statusNotFound, err
	}
	if err != nil {
		return statusNoStart, err
	}
	filter, err := profile.Compile(seccomp.Native)
	if err != nil {
		return statusFailed, fmt.Errorf("%s: %w", file, err)
	}
	privileged, err := hasSysAdmin()
	if err != nil {
		return statusFailed, err
	}
	if !privileged {
		// All threads get it, by TSYNC.
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return statusFailed, fmt.Errorf("prctl PR_SET_NO_NEW_PRIVS: %w", err)
		}
	}
	if err := filter.Install(); err != nil {
		return statusFailed, err
	}
	return statusNoStart, fmt.Errorf("execve %s: %w", path, unix.Exec(path, command, os.Environ()))
}

// explain lists the calls of this architecture by what happens to them.
func explain(w io.Writer, file string, policy seccomp.Policy) {
	groups := map[string][]string{}
	var order []string
	add := func(group, name string) {
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], name)
	}
	fates := policy.Fates(seccomp.Native)
	allowed := 0
	for _, f := range fates {
		switch {
		case len(f.ByArgument) > 0:
			actions := []string{f.Do.String()}
			for _, do := range f.ByArgument {
				actions = append(actions, do.String())
			}
			add("by their arguments "+strings.Join(actions, " or "), f.Name)
		case f.Do == seccomp.Allow:
			allowed++
		default:
			add(f.Do.String(), f.Name)
		}
	}
	fmt.Fprintf(w, "%s on %s: %d system calls, %d allowed\n", file, seccomp.Native, len(fates), allowed)
	for _, group := range order {
		fmt.Fprintf(w, "\n%s (%d):\n", group, len(groups[group]))
		wrap(w, groups[group])
	}
}

// wrap prints names in lines of at most 78 columns.
func wrap(w io.Writer, names []string) {
	column := 0
	for _, name := range names {
		if column > 0 && column+1+len(name) > 78 {
			fmt.Fprintln(w)
			column = 0
		}
		if column == 0 {
			column, _ = fmt.Fprint(w, " ")
		}
		n, _ := fmt.Fprint(w, " ", name)
		column += n
	}
	fmt.Fprintln(w)
}
