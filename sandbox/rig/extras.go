package rig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"glassbox/sandbox"
	"glassbox/sandbox/image"
	"glassbox/sandbox/rootfs"
)

// EngineLayer is the layer that a container engine comes with. The images go with it.
const EngineLayer = "docker"

// extras are the optional layers that were asked for, and what became of each.
type extras struct {
	mu  sync.Mutex
	all map[string]*extra
}

// extra is one optional layer.
type extra struct {
	layers []string      // what a box gets that asks for it
	ready  chan struct{} // closed when it is made, or cannot be
	err    error         // why it cannot
}

// Offer makes an optional layer ready, and with the engine the images, so that boxes may ask for it by name. The first
// time on a machine that takes minutes, and the lab goes on meanwhile: it may be called at any time, and a box that asks
// before it is done is refused, in words. What could not be made, the next call tries again. Where only the images cannot
// be had, the engine comes without; the log says why, and so does the registry to who wants to pull one.
func (r *Rig) Offer(ctx context.Context, name string) error {
	one, first := r.extras.add(name)
	if !first {
		select {
		case <-one.ready:
			return one.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer close(one.ready)
	one.layers, one.err = r.makeExtra(ctx, name)
	return one.err
}

// makeExtra makes a layer, and names all that a box gets that asks for it.
func (r *Rig) makeExtra(ctx context.Context, name string) ([]string, error) {
	l, err := r.Root.PrepareLayer(ctx, name)
	if err != nil {
		return nil, err
	}
	r.Lab.Offer(sandbox.Layer{Name: l.Name, Image: l.Image})
	if name != EngineLayer {
		return []string{name}, nil
	}
	set, err := Images(ctx, r.config, r.Root)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil {
		err = errors.Join(r.registry.Serve(set), r.packages.Serve(set))
	}
	if err != nil {
		r.config.Log.Warn("containers have no images", "reason", err)
		r.registry.Fail(err)
		return []string{name}, nil
	}
	r.Lab.Offer(sandbox.Layer{Name: set.Layer.Name, Image: set.Layer.Image, At: image.At})
	return []string{name, set.Layer.Name}, nil
}

func (e *extras) add(name string) (one *extra, first bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil {
		e.all = map[string]*extra{}
	}
	if one, ok := e.all[name]; ok && !one.failed() {
		return one, false
	}
	one = &extra{ready: make(chan struct{})}
	e.all[name] = one
	return one, true
}

// failed tells whether it could not be made, when that was tried last.
func (x *extra) failed() bool {
	select {
	case <-x.ready:
		return x.err != nil
	default:
		return false
	}
}

// errBeingMade tells a learner to come back.
var errBeingMade = errors.New("is still being made, which the first time takes a few minutes: try again then")

// wanted gives the layers for a box that asks for some by name.
func (e *extras) wanted(names []string) (layers []string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range names {
		one, ok := e.all[name]
		if !ok {
			return nil, fmt.Errorf("this lab was started without layer %q", name)
		}
		select {
		case <-one.ready:
		default:
			return nil, fmt.Errorf("layer %q %w", name, errBeingMade)
		}
		if one.err != nil {
			return nil, fmt.Errorf("this machine has no layer %q: %w", name, one.err)
		}
		layers = append(layers, one.layers...)
	}
	return slices.Compact(layers), nil
}

// Images makes ready the images that containers are made from, for the boxes that have a container engine.
func Images(ctx context.Context, config Config, root *rootfs.Root) (*image.Set, error) {
	return image.Prepare(ctx, image.Config{Root: root, Programs: config.Programs})
}

// LookImages is Images for who only wants to know: it makes and downloads nothing. What is not there yet is
// [rootfs.ErrNotPrepared].
func LookImages(ctx context.Context, config Config) (*image.Set, error) {
	root, err := Look(ctx, config)
	if err != nil {
		return nil, err
	}
	return Images(ctx, config, root)
}
