package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"glassbox/lessons"
	"glassbox/sandbox/rig"
	"glassbox/sandbox/rootfs"
	"glassbox/server"
	"glassbox/server/lesson"
)

// school is the courses of a lab. While the lab runs it follows those that are directories, and makes ready the layers
// that their lessons need.
type school struct {
	dirs    []string // of the courses; "" for the one that comes with glassbox
	flags   *flags
	server  *server.Server
	early   *server.Starting // shows what is done before there is a server; may be nil
	rig     *rig.Rig
	running sync.WaitGroup
	orders  chan string // layers to make ready

	mu      sync.Mutex
	courses []*lesson.Course
	slips   []server.Slips // of each course
	saved   []bool         // of each course: somebody works on it
	ordered []string       // layers
	making  string         // the layer that is being made at the moment
	told    time.Time      // when its progress was told last
	tasks   []server.Task  // and what that was
}

// openSchool reads the courses; none means the one that comes with glassbox.
func openSchool(dirs []string, builtIn bool, f *flags) (*school, error) {
	if builtIn || len(dirs) == 0 {
		dirs = append([]string{""}, dirs...)
	}
	s := &school{dirs: dirs, flags: f, orders: make(chan string, 16), slips: make([]server.Slips, len(dirs)), saved: make([]bool, len(dirs))}
	for _, dir := range dirs {
		c, err := course(dir)
		if problems, ok := errors.AsType[lesson.Problems](err); ok && len(dirs) > 1 {
			err = within(dir, problems)
		}
		if err != nil {
			return nil, err
		}
		s.courses = append(s.courses, c)
	}
	return s, nil
}

// within names the files of a course together with its directory.
func within(dir string, problems lesson.Problems) lesson.Problems {
	problems = slices.Clone(problems)
	for i := range problems {
		problems[i].File = filepath.Join(dir, problems[i].File)
	}
	return problems
}

// open begins to follow the courses and to make layers; both end with ctx, and close waits for that.
func (s *school) open(ctx context.Context, srv *server.Server, r *rig.Rig) error {
	s.server, s.rig = srv, r
	for _, c := range s.courses {
		if err := s.order(c); err != nil {
			return err
		}
	}
	s.running.Go(func() { s.make(ctx) })
	for i, dir := range s.dirs {
		if dir != "" {
			s.running.Go(func() { s.follow(ctx, i) })
		}
	}
	return nil
}

func (s *school) close() { s.running.Wait() }

// follow has the server teach what is in a directory, as it changes. What is wrong with it is told here and on the pages.
func (s *school) follow(ctx context.Context, i int) {
	dir := s.dirs[i]
	err := loader().Watch(ctx, dir, s.flags.log(), func(c *lesson.Course, err error) {
		if err := s.take(i, c, err); err != nil {
			fmt.Fprintln(s.flags.stderr, err)
		}
	})
	if err != nil && ctx.Err() == nil {
		s.flags.log().Error("the lessons are no longer followed", "dir", dir, "err", err)
	}
}

// take takes a course as it was read, with what is wrong with it, which is returned as well.
func (s *school) take(i int, c *lesson.Course, err error) error {
	problems, old := errors.AsType[lesson.Problems](err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		problems = c.Lint()
		courses := slices.Clone(s.courses)
		courses[i] = c
		if err = s.server.Teach(courses...); err == nil {
			s.courses = courses
			err = s.orderLocked(c)
		}
	}
	if len(s.dirs) > 1 {
		problems = within(s.dirs[i], problems)
	}
	s.slips[i] = server.Slips{Problems: problems, Old: old}
	var all server.Slips
	for _, one := range s.slips {
		all.Problems, all.Old = append(all.Problems, one.Problems...), all.Old || one.Old
	}
	// What was there when the lab was started is the learners' lesson: remarks on it are for the author only.
	if s.saved[i] {
		s.server.Warn(all)
	}
	s.saved[i] = true
	if err == nil && len(problems) > 0 || old {
		return problems
	}
	return err
}

// order has the layers made that the lessons of a course need.
func (s *school) order(c *lesson.Course) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orderLocked(c)
}

func (s *school) orderLocked(c *lesson.Course) error {
	for _, layer := range layersOf(c.Lessons) {
		if slices.Contains(s.ordered, layer) {
			continue
		}
		s.ordered = append(s.ordered, layer)
		if err := s.server.Provide(layer, making(layer, nil)); err != nil {
			return err
		}
		s.orders <- layer
	}
	return nil
}

// make makes the layers that were ordered, one after the other.
func (s *school) make(ctx context.Context) {
	for {
		select {
		case layer := <-s.orders:
			s.makeLayer(ctx, layer)
		case <-ctx.Done():
			return
		}
	}
}

func (s *school) makeLayer(ctx context.Context, layer string) {
	s.mu.Lock()
	s.making, s.tasks = layer, nil
	s.mu.Unlock()
	err := s.rig.Offer(ctx, layer)
	s.mu.Lock()
	s.making = ""
	s.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	how := server.Provision{State: server.Ready}
	if err != nil {
		s.flags.log().Error("a layer cannot be made", "layer", layer, "err", err)
		how = server.Provision{
			State: server.Missing,
			Say:   fmt.Sprintf("This lab has no layer %s: %v.", layer, err),
			Do:    fmt.Sprintf("Whoever runs the lab finds out more with glassbox shell --tools %s, and starts the lab again when that works.", layer),
		}
	}
	if err := s.server.Provide(layer, how); err != nil {
		s.flags.log().Error("tell that a layer is ready", "layer", layer, "err", err)
	}
}

// making tells of a layer that is being made.
func making(layer string, tasks []server.Task) server.Provision {
	return server.Provision{
		State: server.Making, Tasks: tasks,
		Say: fmt.Sprintf("The lab makes the layer %s for this lesson. That takes some minutes, once.", layer),
	}
}

// hear takes the progress of what is being made, and has it shown by the lessons that wait for a layer, or, before there
// are any, by every page.
func (s *school) hear(p rootfs.Progress) {
	const often = 300 * time.Millisecond
	now := time.Now()
	s.mu.Lock()
	layer, tasks := s.making, tasksOf(&p, s.tasks, now)
	if layer == "" { // it is for all boxes
		s.tasks = tasks
		if s.early != nil {
			s.early.Tell(tasks)
		}
		s.mu.Unlock()
		return
	}
	if sameTasks(tasks, s.tasks) && now.Sub(s.told) < often {
		s.mu.Unlock()
		return
	}
	s.told, s.tasks = now, tasks
	s.mu.Unlock()
	if err := s.server.Provide(layer, making(layer, tasks)); err != nil {
		s.flags.log().Error("tell how far a layer is", "layer", layer, "err", err)
	}
}

// tasksOf lists a step of the making after those that it is a part of. Those that were told of before have begun then.
func tasksOf(p *rootfs.Progress, before []server.Task, now time.Time) []server.Task {
	var tasks []server.Task
	for ; p != nil; p = p.Of {
		tasks = append(tasks, server.Task{Name: p.Step, Done: p.Done, Total: p.Total, Unit: string(p.Unit), Since: now})
	}
	slices.Reverse(tasks)
	for i := range min(len(tasks), len(before)) {
		if tasks[i].Name != before[i].Name {
			break
		}
		tasks[i].Since = before[i].Since
	}
	return tasks
}

// sameTasks tells whether the same is being done, however much of it.
func sameTasks(a, b []server.Task) bool {
	return slices.EqualFunc(a, b, func(a, b server.Task) bool { return a.Name == b.Name })
}

// course loads the course of a directory, or the one that the binary carries.
func course(dir string) (*lesson.Course, error) {
	var files fs.FS = lessons.Files
	if dir != "" {
		files = os.DirFS(dir)
	}
	return loader().Load(files)
}
