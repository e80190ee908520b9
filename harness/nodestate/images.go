package nodestate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Not through the runtime interface: its RemoveImage removes an image under all of its names.
var imageTool = []string{"ctr", "--namespace", "k8s.io", "images"}

// images lists the container images, each as NAME DIGEST, sorted.
func (n Node) images(ctx context.Context) ([]string, error) {
	out, err := n.run(ctx, nil, append(imageTool[:len(imageTool):len(imageTool)], "list")...)
	if err != nil {
		return nil, err
	}
	var all []string
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 3:
			return nil, fmt.Errorf("a line of ctr images list: %.120q", line)
		case i == 0: // REF TYPE DIGEST SIZE PLATFORMS LABELS
			continue
		}
		all = append(all, fields[0]+" "+fields[2])
	}
	slices.Sort(all)
	return all, nil
}

// putImages removes the names that were not there, or were another image's. One that is gone cannot be put back: the proof
// finds it.
func (n Node) putImages(ctx context.Context, want []string, report *Report) error {
	have, err := n.images(ctx)
	if err != nil {
		return err
	}
	for _, image := range have {
		if _, wanted := slices.BinarySearch(want, image); wanted {
			continue
		}
		name, _, _ := strings.Cut(image, " ")
		if _, err := n.run(ctx, nil, append(imageTool[:len(imageTool):len(imageTool)], "rm", "--sync", name)...); err != nil {
			return err
		}
		report.Images = append(report.Images, name)
	}
	return nil
}
