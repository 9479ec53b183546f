package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"glassbox/sandbox/rig"
)

func rootfsCommand(f *flags) *cobra.Command {
	var layers []string
	c := &cobra.Command{
		Use:   "rootfs",
		Short: "Make ready what sandboxes are made of, and say what it is",
		Long:  "Fetch, check and build the layers of the sandboxes' root. `glassbox serve` does the same when it starts;\nthis is for doing it beforehand, while there is a network.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			config, err := f.rig(f.quiet())
			if err != nil {
				return err
			}
			root, err := rig.Layers(cmd.Context(), config)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "root      %s %s\n", root.Kind, root.Version)
			if root.Reason != "" {
				fmt.Fprintf(w, "          %s\n", root.Reason)
			}
			for _, l := range root.Layers {
				fmt.Fprintf(w, "layer     %-8s %s\n", l.Name, l.Image)
			}
			for _, name := range layers {
				l, err := root.PrepareLayer(cmd.Context(), name)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "layer     %-8s %s\n", l.Name, l.Image)
			}
			if root.Tools == nil {
				fmt.Fprintf(w, "tools     none: %s\n", root.ToolsReason)
			}
			for _, name := range slices.Sorted(maps.Keys(root.Tools)) {
				fmt.Fprintf(w, "tool      %-24s %s\n", name, root.Tools[name])
			}
			return nil
		},
	}
	c.Flags().StringSliceVar(&layers, "tools", nil, "layers with more tools, such as docker")
	return c
}
