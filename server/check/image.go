package check

import (
	"github.com/expr-lang/expr/ast"

	"glassbox/sandbox/kernel"
	"glassbox/sandbox/store"
)

// image is a store.Image with what is looked up in its layers.
type image struct {
	*store.Image

	File       func(string) (*kernel.File, error)   `expr:"file" doc:"file(PATH): a file in the merged view of the layers, as a container of it would see it; its path is where in the store it was read."`
	Had        func(string) (bool, error)           `expr:"had" doc:"had(PATH): whether a layer contains a file of that path, even if a later layer deletes it."`
	LayersWith func(string) ([]*store.Layer, error) `expr:"layers_with" doc:"layers_with(PATH): the layers that contain a file of that path, the lowest first."`
}

// storeWant says what is read of an engine's store beyond what is asked for by name.
type storeWant uint8

const (
	wantWalk       storeWant = 1 << iota // the layers of images are walked through
	wantContainers                       // all containers, and not only those that are asked for
	wantChanges                          // what containers have changed
	wantOutput                           // and what they printed
	wantPublished                        // and which ports are kept for them
)

// storeNeeds says what a field needs that is read of the store only where an expression has it.
var storeNeeds = map[string]storeWant{
	"setuid_files": wantWalk,
	"files":        wantWalk,
	"deletes":      wantWalk,
	"changes":      wantChanges,
	"output":       wantOutput,
	"published":    wantPublished,
}

// storeWantOf says what an expression reads of the store.
func storeWantOf(node ast.Node) storeWant {
	var want storeWant
	ast.Walk(&node, visitor(func(n ast.Node) {
		switch x := n.(type) {
		case *ast.IdentifierNode:
			if x.Value == "containers" {
				want |= wantContainers
			}
		case *ast.MemberNode: // a predicate's .files is one as well
			if s, ok := x.Property.(*ast.StringNode); ok {
				want |= storeNeeds[s.Value]
			}
		}
	}))
	return want
}

// imagesOf finds images by name, each of them once.
func imagesOf(s *store.Store, with storeWant) func(string) (*image, error) {
	found := map[string]*image{}
	return func(name string) (*image, error) {
		if i := found[name]; i != nil {
			return i, nil
		}
		i := &store.Image{}
		if s != nil {
			var err error
			if i, err = s.Image(name, with&wantWalk != 0); err != nil {
				return nil, err
			}
		}
		found[name] = &image{
			Image: i, File: i.File, LayersWith: i.LayersWith,
			Had: func(path string) (bool, error) {
				layers, err := i.LayersWith(path)
				return len(layers) > 0, err
			},
		}
		return found[name], nil
	}
}

// where names the file that a field of an image was read from, or what a function of that name was asked about.
func (i *image) where(field, tag, subject string) string {
	if field == "had" || field == "layers_with" {
		if layers, err := i.LayersWith(subject); err == nil && len(layers) > 0 {
			return layers[0].Path + subject
		}
		return subject + " in the layers of " + i.String()
	}
	return i.Evidence(tag)
}
