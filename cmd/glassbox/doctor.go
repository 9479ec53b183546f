package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"glassbox/sandbox/doctor"
	"glassbox/sandbox/kernel"
	"glassbox/sandbox/rig"
	"glassbox/sandbox/rootfs"
	"glassbox/server"
)

func doctorCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether this machine can run sandboxes, and what to mend",
		Long:  "Look at the kernel, its settings and what sandboxes are made of. Nothing is changed.\nThe exit status is 1 if something is missing without which no sandbox starts.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.rig(f.quiet())
			if err != nil {
				return err
			}
			findings := append(doctor.ThisMachine().Examine(), processEvents(cmd.Context()))
			findings = append(findings, rootFindings(cmd.Context(), config)...)
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(findings)
			} else {
				err = printFindings(cmd.OutOrStdout(), findings)
			}
			if err == nil && doctor.Worst(findings) == doctor.Missing {
				return exitStatus(1)
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// processEvents says whether the kernel tells of processes that come and go. Only asking it tells.
func processEvents(ctx context.Context) doctor.Finding {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := doctor.Finding{Name: "process events", Status: doctor.OK, Found: "the kernel tells of every process that begins or ends", Source: "/proc/net/connector"}
	c, err := kernel.Listen(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Status = doctor.Warning
		f.Found = fmt.Sprintf("%v: processes that come and go within %v may be missed, in the timeline and by exercises", err, server.LookEvery)
		f.Mend = "run it as root in the host's own pid and network namespaces, on a kernel with CONFIG_PROC_EVENTS=y, which Debian's has"
		return f
	}
	cancel()
	<-c.Done()
	return f
}

// rootFindings say what the sandboxes' root is made of on this machine, as far as it is made.
func rootFindings(ctx context.Context, config rig.Config) []doctor.Finding {
	root, err := rig.Look(ctx, config)
	if err != nil {
		return []doctor.Finding{{
			Name: "root of the sandboxes", Status: doctor.Warning, Found: err.Error(),
			Mend: "glassbox rootfs, or the first glassbox serve, makes it",
		}}
	}
	bottom := doctor.Finding{Name: "root of the sandboxes", Status: doctor.OK, Found: rootName(root), Source: root.Tarball}
	if root.Reason != "" {
		bottom.Status, bottom.Found = doctor.Warning, "not Alpine but "+rootName(root)+": "+root.Reason
		bottom.Mend = "GLASSBOX_ROOTFS=FILE glassbox serve, with Alpine's minirootfs tarball"
	}
	tools := doctor.Finding{Name: "tools in the sandboxes", Status: doctor.OK, Found: fmt.Sprintf("%d packages", len(root.Tools))}
	if root.Tools == nil {
		tools.Status, tools.Found, tools.Mend = doctor.Warning, "none: "+root.ToolsReason, "run it on Debian, with its packages' archive in reach"
	}
	return append([]doctor.Finding{bottom, tools}, engineFindings(ctx, config, root)...)
}

// engineFindings say whether the container engine and its images are made. No lesson that does without them needs them.
func engineFindings(ctx context.Context, config rig.Config, root *rootfs.Root) []doctor.Finding {
	if root.Tools == nil {
		return nil // there can be none, and why, the finding before says
	}
	engine := doctor.Finding{Name: "container engine", Status: doctor.OK, Found: "its layer is made"}
	layer, err := root.PrepareLayer(ctx, rig.EngineLayer) // root is one that makes nothing
	engine.Source = layer.Image
	if err != nil {
		engine.Status, engine.Found = doctor.Warning, err.Error()
		engine.Mend = "glassbox rootfs --tools " + rig.EngineLayer + ", or the first lesson on Docker, makes it; that takes minutes and a network"
	}
	images := doctor.Finding{Name: "images for containers", Status: doctor.OK}
	set, err := rig.LookImages(ctx, config)
	if err != nil {
		images.Status, images.Found = doctor.Warning, err.Error()
		images.Mend = "glassbox images build, or the first lesson on Docker, makes them; that takes minutes and a network"
	} else {
		images.Found, images.Source = fmt.Sprintf("%d are made", len(set.Images)), set.Layer.Image
		for _, name := range slices.Sorted(maps.Keys(set.Missing)) {
			images.Status, images.Mend = doctor.Warning, "glassbox images build, where that can be reached"
			images.Found += fmt.Sprintf("; not %s: %s", name, set.Missing[name])
		}
	}
	return []doctor.Finding{engine, images}
}

// signs tell the statuses apart without colour.
var signs = map[doctor.Status]string{doctor.OK: "✓", doctor.Warning: "!", doctor.Missing: "✗"}

func printFindings(w io.Writer, findings []doctor.Finding) error {
	for _, f := range findings {
		if _, err := fmt.Fprintf(w, "%s %-28s %s\n", signs[f.Status], f.Name, f.Found); err != nil {
			return err
		}
		if f.Mend != "" {
			if _, err := fmt.Fprintf(w, "  %-28s → %s\n", "", f.Mend); err != nil {
				return err
			}
		}
	}
	return nil
}
