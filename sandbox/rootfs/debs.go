package rootfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An archive is the host's Debian archive, as apt knows it. It downloads packages; it installs nothing.
type archive struct {
	*teller
	apt, dpkgDeb string
	dir          string // where the packages are kept
	status       string // the dpkg status file to go by, empty for the host's: what is installed is a version to choose from
}

// A deb is one Debian package on disk.
type deb struct {
	Package, Version string
	File             string
	depends          []string // package names; of alternatives the first
	provides         []string
}

func openArchive(dir string, to *teller) (*archive, error) {
	apt, err := program("apt-get", "apt")
	if err != nil {
		return nil, fmt.Errorf("%w: this host is no Debian: no apt-get", ErrNoTools)
	}
	dpkgDeb, err := program("dpkg-deb", "dpkg")
	if err != nil {
		return nil, fmt.Errorf("%w: this host is no Debian: no dpkg-deb", ErrNoTools)
	}
	return &archive{apt: apt, dpkgDeb: dpkgDeb, dir: dir, teller: to}, nil
}

// aptGet runs apt-get. It downloads as the user that we are: _apt could not write into our directory.
func (a *archive) aptGet(ctx context.Context, dir string, args ...string) ([]byte, error) {
	if a.status != "" {
		args = append([]string{"-o", "Dir::State::status=" + a.status}, args...)
	}
	args = append([]string{"-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20"}, args...)
	cmd := exec.CommandContext(ctx, a.apt, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, aptError(args[len(args)-1], err, complaint.String())
	}
	return out.Bytes(), nil
}

// aptGetListed is aptGet for what needs the archive's lists: those that were never fetched are fetched once.
func (a *archive) aptGetListed(ctx context.Context, dir string, args ...string) ([]byte, error) {
	out, err := a.aptGet(ctx, dir, args...)
	if err == nil || !strings.Contains(err.Error(), "Unable to locate package") {
		return out, err
	}
	a.say("fetching the lists of Debian's archive")
	if _, err := a.aptGet(ctx, dir, "update"); err != nil {
		return nil, err
	}
	return a.aptGet(ctx, dir, args...)
}

// aptError tells what apt-get complained about, and whether it is for want of an archive that answers.
func aptError(what string, err error, complaint string) error {
	var lines []string
	for line := range strings.Lines(complaint) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "E:") || strings.HasPrefix(line, "Err:") {
			lines = append(lines, strings.TrimPrefix(line, "E: "))
		}
	}
	if len(lines) == 0 {
		lines = []string{strings.TrimSpace(complaint)}
	}
	said := strings.Join(lines[:min(len(lines), 3)], "; ")
	for _, sign := range []string{"Failed to fetch", "Could not resolve", "Could not connect", "Unable to connect", "Temporary failure", "Some index files failed"} {
		if strings.Contains(complaint, sign) && !strings.Contains(complaint, "No space left") {
			return fmt.Errorf("%w: Debian's archive cannot be reached: apt-get: %s", ErrNoTools, said)
		}
	}
	return fmt.Errorf("apt-get %s: %w: %s", what, err, said)
}

// located are the file names and digests that apt tells for packages.
type located struct {
	file   string // as apt names it
	size   int64  // in bytes
	sha256 string // empty where apt has another digest only
}

// locate asks apt where packages are, without downloading, and gives an answer for each name.
func (a *archive) locate(ctx context.Context, names []string) (places map[string]located, err error) {
	// apt says nothing of a package whose file lies in the directory where it runs: let it run in an empty one.
	private, err := os.MkdirTemp(a.dir, ".locate-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(private)) }()
	args := append([]string{"--print-uris", "download"}, names...)
	out, err := a.aptGetListed(ctx, private, args...)
	if err != nil {
		return nil, err
	}
	if places, err = parseURIs(out); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := places[name]; !ok {
			return nil, fmt.Errorf("apt-get --print-uris download: no word of %s", name)
		}
	}
	return places, nil
}

// parseURIs reads the lines of apt-get --print-uris, by package:
//
//	'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2.15-2%2bb13_amd64.deb' bash_5.2.15-2+b13_amd64.deb 1490652 SHA256:8213…
func parseURIs(out []byte) (map[string]located, error) {
	all := map[string]located{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "'") {
			continue
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || !strings.HasSuffix(fields[1], ".deb") || strings.ContainsRune(fields[1], '/') {
			return nil, fmt.Errorf("apt-get --print-uris: cannot read %q", lines.Text())
		}
		one := located{file: fields[1]}
		var err error
		if one.size, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
			return nil, fmt.Errorf("apt-get --print-uris: cannot read the size in %q", lines.Text())
		}
		if len(fields) > 3 {
			one.sha256, _ = strings.CutPrefix(fields[3], "SHA256:")
		}
		if len(one.sha256) != 64 {
			one.sha256 = ""
		}
		name, _, _ := strings.Cut(one.file, "_")
		all[name] = one
	}
	return all, lines.Err()
}

// fetch gives the packages' files: those on disk with the right digest as they are, the others downloaded by apt, which
// checks their digests against the archive's signed lists. Lists so old that they name files which the archive no longer
// has are fetched anew, once.
func (a *archive) fetch(ctx context.Context, names []string) ([]string, error) {
	return a.fetchMore(ctx, names, &haul{})
}

// haul is how much was downloaded for one purpose, and how much that will be as far as it is known, in bytes.
type haul struct{ done, total int64 }

// fetchMore is fetch for what was begun with other packages.
func (a *archive) fetchMore(ctx context.Context, names []string, all *haul) ([]string, error) {
	files, err := a.fetchListed(ctx, names, all)
	if err == nil || !strings.Contains(err.Error(), "404") {
		return files, err
	}
	a.say("fetching the lists of Debian's archive")
	if _, err := a.aptGet(ctx, a.dir, "update"); err != nil {
		return nil, err
	}
	return a.fetchListed(ctx, names, all)
}

// fetchListed is fetchMore by the lists as they are.
func (a *archive) fetchListed(ctx context.Context, names []string, all *haul) ([]string, error) {
	places, err := a.locate(ctx, names)
	if err != nil {
		return nil, err
	}
	var missing, files []string
	var size int64
	for _, name := range names {
		file := filepath.Join(a.dir, places[name].file)
		files = append(files, file)
		if sum, err := fileDigest(file); err != nil || sum != places[name].sha256 {
			missing = append(missing, name)
			size += places[name].size
		}
	}
	if len(missing) > 0 {
		if err := a.download(ctx, missing, haul{all.done, all.total + size}); err != nil {
			return nil, err
		}
		*all = haul{all.done + size, all.total + size}
	}
	for i, name := range names {
		sum, err := fileDigest(files[i])
		if err != nil {
			return nil, err
		}
		if want := places[name].sha256; want != "" && sum != want {
			return nil, fmt.Errorf("%s: %w: want sha256 %s, got %s: remove it and start again", files[i], ErrDigest, want, sum)
		}
		now := time.Now() // in use; see store.prune
		if err := os.Chtimes(files[i], now, now); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// download lets apt download into a directory of this call's own, so that a half file never has a whole one's name, and
// tells how far that is.
func (a *archive) download(ctx context.Context, names []string, all haul) (err error) {
	private, err := os.MkdirTemp(a.dir, ".download-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(private)) }()
	look := func() {
		a.tell(Progress{Step: "downloading Debian packages", Done: all.done + sizeOf(private), Total: all.total, Unit: Bytes})
	}
	look()
	err = watched(func() error {
		_, err := a.aptGet(ctx, private, append([]string{"download"}, names...)...)
		return err
	}, look)
	if err != nil {
		return err
	}
	look()
	got, err := filepath.Glob(filepath.Join(private, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range got {
		if err := os.Rename(file, filepath.Join(a.dir, filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

// sizeOf adds up the files of a directory, also those that are just being written, in bytes.
func sizeOf(dir string) int64 {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	var size int64
	for _, entry := range entries {
		if about, err := entry.Info(); err == nil && about.Mode().IsRegular() {
			size += about.Size()
		}
	}
	return size
}

// unpacking tells that so many of the packages are unpacked.
func unpacking(done, total int) Progress {
	return Progress{Step: "unpacking", Done: int64(done), Total: int64(total), Unit: Packages}
}

// closure gives packages and, round by round, those that they depend on by their own control fields, without what is
// skipped or already there; sorted by name.
func (a *archive) closure(ctx context.Context, names, skip []string, there map[string]string) ([]deb, error) {
	chosen := map[string]deb{}
	settled := map[string]bool{} // chosen, skipped or provided
	for _, name := range skip {
		settled[name] = true
	}
	for name := range there {
		settled[name] = true
	}
	var all haul
	for next := slices.Clone(names); len(next) > 0; {
		files, err := a.fetchMore(ctx, next, &all)
		if err != nil {
			return nil, err
		}
		var wanted []string
		for _, file := range files {
			one, err := a.control(ctx, file)
			if err != nil {
				return nil, err
			}
			chosen[one.Package] = one
			settled[one.Package] = true
			for _, name := range one.provides {
				settled[name] = true
			}
			wanted = append(wanted, one.depends...)
		}
		slices.Sort(wanted)
		next = slices.DeleteFunc(slices.Compact(wanted), func(name string) bool { return settled[name] })
	}
	var debs []deb
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		debs = append(debs, chosen[name])
	}
	return debs, nil
}

// control reads a package's control fields (deb-control(5)).
func (a *archive) control(ctx context.Context, file string) (deb, error) {
	out, err := run(ctx, append(os.Environ(), "LC_ALL=C"), a.dpkgDeb, "-f", file, "Package", "Version", "Pre-Depends", "Depends", "Provides")
	if err != nil {
		return deb{}, err
	}
	one := deb{File: file}
	for line := range strings.Lines(string(out)) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch field {
		case "Package":
			one.Package = value
		case "Version":
			one.Version = value
		case "Pre-Depends", "Depends":
			one.depends = append(one.depends, packageNames(value)...)
		case "Provides":
			one.provides = append(one.provides, packageNames(value)...)
		}
	}
	if one.Package == "" || one.Version == "" {
		return deb{}, fmt.Errorf("dpkg-deb -f %s: no Package or no Version", file)
	}
	return one, nil
}

// packageNames reads the names of a relationship field (deb-control(5)): "libc6 (>= 2.34), debconf | debconf-2.0"
// gives libc6 and debconf.
func packageNames(field string) []string {
	var names []string
	for clause := range strings.SplitSeq(field, ",") {
		first, _, _ := strings.Cut(clause, "|")
		name := strings.TrimSpace(first)
		if at := strings.IndexAny(name, " (:["); at >= 0 {
			name = name[:at]
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// extract lays a package's files out in a tree.
func (a *archive) extract(ctx context.Context, t *tree, one deb, skip func(string) bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop() // where the tree takes no more, dpkg-deb must not wait for ever on a full pipe
	cmd := exec.CommandContext(ctx, a.dpkgDeb, "--fsys-tarfile", one.File)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	unpackErr := t.unpack(out, skip)
	if unpackErr == nil {
		_, unpackErr = io.Copy(io.Discard, out) // the padding behind the tar's end
	}
	if unpackErr != nil {
		stop()
	}
	waitErr := cmd.Wait()
	name := path.Base(one.File)
	if unpackErr != nil {
		return fmt.Errorf("unpack %s: %w", name, unpackErr)
	}
	if waitErr != nil {
		return fmt.Errorf("dpkg-deb --fsys-tarfile %s: %w: %s", name, waitErr, strings.TrimSpace(complaint.String()))
	}
	return nil
}
