package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"glassbox/sandbox/image"
	"glassbox/sandbox/rig"
)

func imagesCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "images",
		Short: "List the images that containers in the boxes are made from",
		Long: "List the images that boxes with a container engine have without pulling, and what each truly is: they are\n" +
			"made on this machine, of its own packages. The last column is what an image holds beyond the one it is made from.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.rig(f.quiet())
			if err != nil {
				return err
			}
			set, err := rig.LookImages(cmd.Context(), config)
			if err != nil {
				return fmt.Errorf("%w\nglassbox images build makes them", err)
			}
			return printImages(cmd.OutOrStdout(), set)
		},
	}
	c.AddCommand(&cobra.Command{
		Use:   "build",
		Short: "Make the images, and list them",
		Long: "Make the images that are not in the cache yet, or whose making has changed. `glassbox serve` does the same\n" +
			"where a lesson needs them; this is for doing it beforehand, while there is a network.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := buildImages(cmd.Context(), f)
			if err != nil {
				return err
			}
			return printImages(cmd.OutOrStdout(), set)
		},
	})
	return c
}

func buildImages(ctx context.Context, f *flags) (*image.Set, error) {
	config, err := f.rig(f.quiet())
	if err != nil {
		return nil, err
	}
	root, err := rig.Layers(ctx, config)
	if err != nil {
		return nil, err
	}
	return rig.Images(ctx, config, root)
}

func printImages(to io.Writer, set *image.Set) error {
	const mega = 1e6
	w := tabwriter.NewWriter(to, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "IMAGE\tTAGS\tSIZE\tOWN\tWHAT IT IS")
	for _, one := range set.Images {
		fmt.Fprintf(w, "%s\t%s\t%.1f MB\t%.1f MB\t%s\n",
			one.Name, strings.Join(one.Tags, ", "), float64(one.Size)/mega, float64(one.Own)/mega, one.What)
	}
	for _, name := range slices.Sorted(maps.Keys(set.Missing)) {
		fmt.Fprintf(w, "%s\tmissing\t\t\t%s\n", name, set.Missing[name])
	}
	fmt.Fprintf(w, "\nstore\t%s\n", set.Layer.Image)
	return w.Flush()
}
