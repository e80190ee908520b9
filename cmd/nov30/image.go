package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/nodeimage"
)

func newImage() *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Make and list the nodes' images", Args: cobra.NoArgs,
		Example: "  nov30 image ensure\n  nov30 image list",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var kubernetes, output string
	version := func(c *cobra.Command) {
		c.Flags().StringVar(&kubernetes, "kubernetes", os.Getenv("NOV30_KUBERNETES"), "Kubernetes version, for example v1.33.13 (default: the recipe's)")
	}
	ensure := &cobra.Command{
		Use: "ensure", Short: "Print the name of the image of a version; pull or build it if there is none", Args: cobra.NoArgs,
		Example: "  nov30 image ensure --kubernetes v1.34.4",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return makeImage(cmd, kubernetes, nodeimage.Builder.Ensure)
		},
	}
	build := &cobra.Command{
		Use: "build", Short: "Build the image of a version even if there is one", Args: cobra.NoArgs,
		Example: "  nov30 image build --kubernetes v1.34.4",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return makeImage(cmd, kubernetes, nodeimage.Builder.Build)
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the node images in the engine", Args: cobra.NoArgs,
		Example: "  nov30 image list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError("output %q: table or json", output)
			}
			b, err := builder(cmd)
			if err != nil {
				return err
			}
			images, err := b.List(cmd.Context())
			if err != nil {
				return err
			}
			return printImages(cmd.OutOrStdout(), images, output)
		},
	}
	version(ensure)
	version(build)
	list.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	cmd.AddCommand(ensure, build, list)
	return cmd
}

func makeImage(cmd *cobra.Command, kubernetes string, do func(nodeimage.Builder, context.Context, string) (string, error)) error {
	b, err := builder(cmd)
	if err != nil {
		return err
	}
	if kubernetes, err = nodeimage.VersionOr(kubernetes); err != nil {
		return usageError("--kubernetes: %w", err)
	}
	ref, err := do(b, cmd.Context(), kubernetes)
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), ref)
	return nil
}

func builder(cmd *cobra.Command) (nodeimage.Builder, error) {
	m, err := findMachine(cmd.Context())
	if err != nil {
		return nodeimage.Builder{}, err
	}
	return nodeimage.Builder{Engine: m.Engine, Clock: clockwork.NewRealClock(), Cache: m.Cache,
		Offline: os.Getenv("NOV30_OFFLINE") == "1", Progress: progress(cmd.ErrOrStderr())}, nil
}

func printImages(w io.Writer, images []nodeimage.Image, output string) error {
	switch output {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(images)
	case "table":
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "IMAGE\tKUBERNETES\tSOURCE\tMB\tCURRENT")
		for _, i := range images {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%t\n", i.Ref, i.Kubernetes, i.Source, i.Size>>20, i.Current)
		}
		return t.Flush()
	}
	return usageError("output %q: table or json", output)
}
