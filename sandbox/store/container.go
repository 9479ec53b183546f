package store

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"glassbox/sandbox/kernel"
)

// Container is a container of the engine's store. Whether it runs is the kernel's to say.
type Container struct {
	// Exists is false for a container that was asked for and is not there.
	Exists bool `expr:"exists" file:"containers.json"`
	// Name is its name.
	Name string `expr:"name" file:"containers.json"`
	// ID is its id, in hexadecimal.
	ID string `expr:"id" file:"containers.json"`
	// Image is the full name of its image as it was when the container was created; empty for an image without a name.
	Image string `expr:"image" file:"containers.json"`
	// ImageID is its image's id.
	ImageID string `expr:"image_id" file:"containers.json"`
	// Created is when it was created.
	Created time.Time `expr:"created" file:"containers.json"`
	// Started says that the engine has tried at least once to start it.
	Started bool `expr:"started" file:"config.json"`
	// Args are the words of the command that it was started with.
	Args []string `expr:"args" file:"config.json"`
	// Env is the environment that it was started with, by name.
	Env map[string]string `expr:"env" file:"config.json"`
	// Workdir is the working directory that it was started in.
	Workdir string `expr:"workdir" file:"config.json"`
	// UID is the user id that it was started as, inside.
	UID int `expr:"uid" file:"config.json"`
	// GID is the group id that it was started as, inside.
	GID int `expr:"gid" file:"config.json"`
	// Hostname is the host name that it was given; empty where it shares the sandbox's.
	Hostname string `expr:"hostname" file:"config.json"`
	// ReadOnly says that its root cannot be written (docker run --read-only).
	ReadOnly bool `expr:"read_only" file:"config.json"`
	// Mounts are the directories and volumes that it was given (docker run -v, --tmpfs), without those that every container has.
	Mounts []*ContainerMount `expr:"mounts" file:"config.json"`
	// Changes are what it has changed beside its image, as docker diff tells it.
	Changes []Change `expr:"changes" file:"diff"`
	// Output is what it printed, at most the first MiB, without the times (docker logs).
	Output string `expr:"output" file:"ctr.log"`
	// Layer is the directory that its changes are written to: the upper directory of its root.
	Layer string `expr:"layer" file:"containers.json"`

	files map[string]string
	store *Store
}

// ContainerMount is a directory or volume that a container was given.
type ContainerMount struct {
	// Path is where it is in the container.
	Path string `expr:"path"`
	// Type is bind for a directory of the sandbox's, volume, or tmpfs.
	Type string `expr:"type"`
	// Source is the sandbox's directory; empty for a tmpfs.
	Source string `expr:"source"`
	// Volume is the volume's name; a long number where it was given none.
	Volume string `expr:"volume"`
	// ReadOnly says that the container cannot write there.
	ReadOnly bool `expr:"read_only"`
}

// Change is one file that a container has changed.
type Change struct {
	// Path is the file in the container.
	Path string `expr:"path"`
	// Kind is added, changed or deleted.
	Kind string `expr:"kind"`
}

// Part says what is read of a container beyond what it is.
type Part uint8

// The parts of a container.
const (
	Changes Part = 1 << iota // Container.Changes
	Output                   // Container.Output
)

// Evidence is the file that a field was read from, as the learner finds it; the word is the field's file tag.
func (c *Container) Evidence(tag string) string {
	if p := c.files[tag]; p != "" {
		return p
	}
	return c.files["containers.json"]
}

// Container is the container of that name, or whose id begins so. It is never nil without an error: where there is none, Exists is
// false.
func (s *Store) Container(name string, parts Part) (*Container, error) {
	c := &Container{}
	err := s.ask(func(l *look) error {
		records, own, err := l.containers()
		if err != nil {
			return err
		}
		c.files = containerFiles(own, "")
		i := slices.IndexFunc(records, func(r containerRecord) bool { return r.metadata.Name == name || slices.Contains(r.Names, name) })
		var record containerRecord
		if i >= 0 {
			record = records[i]
		} else if found, ok := byID(records, func(r containerRecord) string { return r.ID }, name); ok {
			record = found
		} else {
			return nil
		}
		c, err = l.container(record, own, parts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Containers are all containers, in the order in which the store has them: the oldest first.
func (s *Store) Containers(parts Part) ([]*Container, error) {
	all := []*Container{}
	err := s.ask(func(l *look) error {
		records, own, err := l.containers()
		if err != nil {
			return err
		}
		for _, record := range records {
			c, err := l.container(record, own, parts)
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// containers are the records of all containers, and the place that they are in.
func (l *look) containers() (all []containerRecord, own string, err error) {
	places, err := l.places()
	if err != nil {
		return nil, "", err
	}
	own = places[0]
	// The second has those that end with the engine (docker run --rm), on newer engines.
	for _, file := range []string{"containers.json", "volatile-containers.json"} {
		records, err := read(l, path.Join(own, "overlay-containers", file), maxList, parseContainers)
		if err != nil {
			return nil, "", err
		}
		all = append(all, records...)
	}
	return all, own, nil
}

// containerFiles are the files of a container by the words in the tags.
func containerFiles(own, id string) map[string]string {
	dir := path.Join(own, "overlay-containers", id, "userdata")
	files := map[string]string{"containers.json": path.Join(own, "overlay-containers/containers.json")}
	if id != "" {
		files["config.json"], files["ctr.log"] = path.Join(dir, "config.json"), path.Join(dir, "ctr.log")
	}
	return files
}

func (l *look) container(record containerRecord, own string, parts Part) (*Container, error) {
	c := newContainer(record, own)
	c.store = l.Store
	config, err := read(l, c.files["config.json"], maxConfig, parseRuntime)
	if err != nil {
		return nil, err
	}
	if config != nil {
		c.configure(config)
	}
	if parts&Output != 0 {
		if c.Output, err = l.output(c.files["ctr.log"]); err != nil {
			return nil, err
		}
	}
	if parts&Changes != 0 && c.Layer != "" {
		if err := l.changes(c, record); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func newContainer(record containerRecord, own string) *Container {
	c := &Container{
		Exists: true, Name: record.metadata.Name, ID: record.ID, Image: record.metadata.ImageName, ImageID: record.Image,
		Created: record.Created, files: containerFiles(own, record.ID),
	}
	if record.Layer != "" {
		c.Layer = path.Join(own, "overlay", record.Layer, "diff")
		c.files["diff"] = c.Layer
	}
	return c
}

// configure fills what the runtime was told.
func (c *Container) configure(config *runtimeConfig) {
	p := config.Process
	c.Started, c.Args, c.Env, c.Workdir = true, p.Args, variables(p.Env), p.Cwd
	c.UID, c.GID, c.Hostname, c.ReadOnly = p.User.UID, p.User.GID, config.Hostname, config.Root.ReadOnly
	// The container's own files of the engine's, such as /etc/hosts, stand in directories with its id.
	for _, m := range config.Mounts {
		mount := &ContainerMount{Path: path.Clean("/" + m.Destination), Type: m.Type, ReadOnly: slices.Contains(m.Options, "ro")}
		switch {
		case m.Type == "bind" && !strings.Contains(m.Source, c.ID):
			mount.Source = path.Clean("/" + m.Source)
			// …/storage/volumes/NAME/_data
			if dir, last := path.Split(mount.Source); last == "_data" && path.Base(path.Dir(path.Clean(dir))) == "volumes" {
				mount.Type, mount.Volume = "volume", path.Base(dir)
			}
		case m.Type != "tmpfs" || mount.Path == "/dev" || c.ReadOnly && slices.Contains(readOnlyTmpfs, mount.Path):
			continue
		}
		c.Mounts = append(c.Mounts, mount)
	}
}

// readOnlyTmpfs are the directories that the engine leaves writable in a container whose root is not.
var readOnlyTmpfs = []string{"/run", "/tmp", "/var/tmp"}

// output reads a container's log.
func (l *look) output(file string) (string, error) {
	n, err := l.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer n.Close()
	if err := l.take(min(n.Stat.Size, maxLog)); err != nil {
		return "", &Error{file, err}
	}
	b, err := n.Begin(maxLog)
	if err != nil {
		return "", &Error{file, err}
	}
	return output(b), nil
}

// output takes the times away from a log in the format of Kubernetes, whose lines are
//
//	2026-11-26T11:38:26.427416113+00:00 stdout F the text
//
// with P in place of F where the text goes on in the next line.
func output(b []byte) string {
	var out strings.Builder
	for line := range bytes.Lines(b) {
		parts := bytes.SplitN(line, []byte(" "), 4)
		if len(parts) < 4 {
			continue
		}
		text := parts[3]
		if string(parts[2]) == "P" {
			text = bytes.TrimSuffix(text, []byte("\n"))
		}
		out.Write(text)
	}
	return out.String()
}

// File is the file of that path in the merged view of the container's image and what it has changed, without what is mounted in it.
// It is as [Image.File].
func (c *Container) File(p string) (*kernel.File, error) {
	p = path.Clean("/" + p)
	none := &kernel.File{Path: p + " in the container " + c.Name}
	if !c.Exists || c.Layer == "" || !proper(p) {
		return none, nil
	}
	var file *kernel.File
	err := c.store.ask(func(l *look) error {
		all, err := l.lists()
		if err != nil {
			return err
		}
		layers, ok := all.chain(path.Base(path.Dir(c.Layer)))
		if !ok {
			return nil
		}
		slices.Reverse(layers)
		file, err = l.file(layersOf(layers), p)
		return err
	})
	if err != nil || file == nil {
		return none, err
	}
	return file, nil
}
