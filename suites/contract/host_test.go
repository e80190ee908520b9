package contract

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/hoststate"
)

// hostState is the machine as it was when the engine ran and nothing of the suite did yet.
type hostState struct {
	machine hoststate.Machine
	state   hoststate.State
}

// hostBefore looks at the machine after the engine's start and before the first cluster.
func hostBefore(ctx context.Context) hostState {
	GinkgoHelper()
	userHome, err := os.UserHomeDir()
	Expect(err).NotTo(HaveOccurred())
	root, err := engineRoot(ctx)
	Expect(err).NotTo(HaveOccurred())
	h := hostState{machine: hoststate.Machine{Clock: clock, Root: "/", Home: userHome, Run: hoststate.Command,
		EngineDirs: []string{root, filepath.Join(home.Dir, "engine")}, Bridges: engineBridges, Marks: []string{run}}}
	h.state, err = h.machine.Take(ctx)
	Expect(err).NotTo(HaveOccurred())
	for _, fact := range h.state.Unmeasured {
		AddReportEntry("not compared, this user may not read it: " + fact)
	}
	return h
}

// compare looks again and names everything that is not as it was. Call it when the suite's clusters are deleted, for a few
// seconds until it succeeds: other clusters of this engine may be half made or half deleted at any moment.
func (before hostState) compare(ctx context.Context) error {
	after, err := before.machine.Take(ctx)
	if err != nil {
		return err
	}
	if d := before.state.Differences(after); len(d) > 0 {
		return errors.New("the host is not as it was before:\n" + strings.Join(d, "\n"))
	}
	return nil
}

// engineRoot is the directory in which the engine keeps, and mounts, its containers' file systems.
func engineRoot(ctx context.Context) (string, error) {
	format := "{{.DockerRootDir}}"
	if eng.Name == "podman" {
		format = "{{.Store.GraphRoot}}"
	}
	out, err := eng.Run(ctx, nil, "info", "--format", format)
	root := strings.TrimSpace(string(out))
	if err == nil && !filepath.IsAbs(root) {
		err = fmt.Errorf("the engine says that its root is %q", root)
	}
	return root, err
}

// engineBridges names the bridges of the engine's networks: docker calls one br- and the beginning of the network's id
// where the network does not say otherwise.
func engineBridges(ctx context.Context) ([]string, error) {
	ids, err := eng.Run(ctx, nil, "network", "ls", "--quiet")
	if err != nil {
		return nil, err
	}
	format := `br-{{printf "%.12s" .ID}} {{index .Options "com.docker.network.bridge.name"}}`
	if eng.Name == "podman" {
		format = "{{.NetworkInterface}}"
	}
	names, err := eng.Run(ctx, nil, append([]string{"network", "inspect", "--format", format}, strings.Fields(string(ids))...)...)
	return strings.Fields(string(names)), err
}
