package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const blockSize = 4096

// features of the images, in full, so that they do not depend on the host's mke2fs.conf and every kernel from 5.4 on
// mounts them. No journal: the file system is never written after it was made. Checksums: a damaged block is an error
// and not a strange lesson.
const features = "none,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum"

// makeImage makes an ext4 image of the tree, and tells how far it is. The same tree gives the same bytes.
func (t *tree) makeImage(ctx context.Context, image, name, digest string, tell func(Progress)) error {
	mke2fs, err := program("mke2fs", "e2fsprogs")
	if err != nil {
		return err
	}
	if err := t.settle(); err != nil {
		return err
	}
	content, blocks, inodes, err := t.measure()
	if err != nil {
		return err
	}
	writing := Progress{Step: "writing the disk image of layer " + name, Total: content * blockSize, Unit: Bytes}
	look := func() {
		writing.Done = min(written(image), writing.Total)
		tell(writing)
	}
	id := uuid(digest)
	// The estimate is generous; where it was too small all the same, half as much again will do.
	for try := range 3 {
		args := []string{
			"-q", "-F", "-t", "ext4", "-b", strconv.Itoa(blockSize), "-I", "256", "-m", "0",
			"-N", strconv.FormatInt(inodes, 10), "-O", features, "-U", id, "-L", volumeLabel(name),
			"-E", "hash_seed=" + id + ",root_owner=0:0,lazy_itable_init=0,nodiscard",
			"-d", t.dir, image, strconv.FormatInt(blocks*blockSize/1024, 10) + "k",
		}
		look()
		err = watched(func() error { return mke2fsOnce(ctx, mke2fs, args) }, look)
		if err == nil || saysDiskFull(err) || try == 2 {
			break
		}
		if err := os.Remove(image); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		blocks += blocks / 2
	}
	if err != nil {
		return err
	}
	tell(Progress{Step: "finishing the disk image of layer " + name})
	return settleImage(ctx, image, inodes)
}

// written is how much of a file is on disk, in bytes: mke2fs makes the whole file first, as a hole.
func written(file string) int64 {
	about, err := os.Stat(file)
	if err != nil {
		return 0
	}
	stat, ok := about.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	const unit = 512 // see stat(2), whatever the file system's blocks are
	return stat.Blocks * unit
}

func mke2fsOnce(ctx context.Context, mke2fs string, args []string) error {
	// Without E2FSPROGS_FAKE_TIME the superblock holds the time of the build; without MKE2FS_CONFIG the host's taste.
	env := append(os.Environ(), "LC_ALL=C", "MKE2FS_CONFIG=/dev/null", "E2FSPROGS_FAKE_TIME="+strconv.FormatInt(epoch.Unix(), 10))
	_, err := run(ctx, env, mke2fs, args...)
	return err
}

// settleImage sets what mke2fs takes from the staging directory but nobody can set there, the times of change and of
// access, and removes lost+found, which would lie in the learner's root.
func settleImage(ctx context.Context, image string, inodes int64) error {
	debugfs, err := program("debugfs", "e2fsprogs")
	if err != nil {
		return err
	}
	var script bytes.Buffer
	const root, lostAndFound = 2, 11
	fmt.Fprintf(&script, "rmdir /lost+found\nclri <%d>\n", lostAndFound)
	for inode := int64(root); inode <= inodes; inode++ {
		if inode > root && inode <= lostAndFound {
			continue // those that ext4 keeps for itself
		}
		fmt.Fprintf(&script, "set_inode_field <%d> ctime @%d\nset_inode_field <%d> atime @%d\n", inode, epoch.Unix(), inode, epoch.Unix())
	}
	commands := image + ".debugfs"
	if err := os.WriteFile(commands, script.Bytes(), 0o600); err != nil {
		return err
	}
	env := append(os.Environ(), "LC_ALL=C", "E2FSPROGS_FAKE_TIME="+strconv.FormatInt(epoch.Unix(), 10))
	_, err = run(ctx, env, debugfs, "-w", "-f", commands, image)
	return errors.Join(err, os.Remove(commands))
}

// measure counts the blocks of the tree's files, and estimates the blocks and inodes that the tree takes in an image.
func (t *tree) measure() (content, blocks, inodes int64, err error) {
	seen := map[uint64]bool{}
	err = t.walk(func(_ string, about fs.FileInfo) error {
		stat, ok := about.Sys().(*syscall.Stat_t)
		if ok && stat.Nlink > 1 && !about.IsDir() {
			if seen[stat.Ino] {
				return nil
			}
			seen[stat.Ino] = true
		}
		inodes++
		switch {
		case about.IsDir():
			blocks += max(1, (about.Size()+blockSize-1)/blockSize)
		case about.Mode().IsRegular():
			blocks += (about.Size() + blockSize - 1) / blockSize
			if about.Size() > 4*128<<20 {
				blocks++ // an extent holds 128 MiB and an inode four extents
			}
		}
		return nil
	})
	content = blocks
	inodes += 16                         // those that ext4 keeps for itself, lost+found with them
	blocks += (inodes*256)/blockSize + 1 // inode tables
	blocks += blocks/50 + 64             // superblocks, group descriptors, bitmaps
	return content, blocks, inodes, err
}

func volumeLabel(name string) string {
	label := "gb-" + name
	return label[:min(len(label), 16)]
}

// uuid makes a UUID (RFC 9562, version 8) of a digest, so that an image has the same one every time.
func uuid(digest string) string {
	sum := sha256.Sum256([]byte(digest))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// readImage reads one file of an image without mounting it. A path that is not in it gives an error of fs.ErrNotExist.
func readImage(ctx context.Context, image, name string) ([]byte, error) {
	debugfs, err := program("debugfs", "e2fsprogs")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, debugfs, "-R", "cat \"/"+name+"\"", image)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("debugfs %s: %w: %s", image, err, strings.TrimSpace(complaint.String()))
	}
	// debugfs ends with 0 whatever happens, and always says its version first.
	if said := complaint.String(); strings.Contains(said, "File not found") {
		return nil, fmt.Errorf("%s in %s: %w", name, image, fs.ErrNotExist)
	}
	return out.Bytes(), nil
}

// program finds a program of the system's, also where PATH has no sbin, or names the Debian package that has it.
func program(name, debianPackage string) (string, error) {
	if found, err := exec.LookPath(name); err == nil {
		return found, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/bin/"} {
		if unix.Access(dir+name, unix.X_OK) == nil {
			return dir + name, nil
		}
	}
	return "", fmt.Errorf("%s is missing: install the Debian package %s (apt-get install %s): %w", name, debianPackage, debianPackage, exec.ErrNotFound)
}

// run runs a program and gives what it wrote; an error holds what it complained about.
func run(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	return runIn(ctx, "", env, name, args...)
}

// runIn is run in a directory.
func runIn(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}
