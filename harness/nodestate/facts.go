package nodestate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Facts are what a node is like at one moment, by object: process/…, mount/…, file/…, link/…, address/…, rule/…, route/…,
// firewall/…, table/…, sysctl/…, image/…, unit/… and served/PORT. They hold no secret: of contents they have the SHA-256.
// What is different on any two healthy nodes of the same kind is left out or made the same: identifiers of containers,
// links of pods, and what controllers write into the firewall.
type Facts map[string]string

// Facts takes the facts of this node.
func (n Node) Facts(ctx context.Context) (Facts, error) {
	processes := Facts{} // first: the others run programs
	if err := n.processFacts(ctx, processes); err != nil {
		return nil, err
	}
	parts := []func(context.Context, Facts) error{n.mountFacts, n.fileFacts, n.networkFacts, n.sysctlFacts, n.runtimeFacts, n.servedFacts}
	facts := make([]Facts, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range parts {
		facts[i] = Facts{}
		group.Go(func() error { return part(ctx, facts[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := Facts{}
	for _, part := range append(facts, processes) {
		for object, value := range part {
			all[object] = value
		}
	}
	return all, nil
}

// count counts things that may be there several times.
func (f Facts) count(object string) {
	n, _ := strconv.Atoi(strings.TrimPrefix(f[object], "×"))
	f[object] = "×" + strconv.Itoa(n+1)
}

// identifier is what containerd and CNI give a container or network namespace, and the kernel a pod's link.
var identifier = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// passing are the programs that a node runs for a moment, all the time: a container's start, kube-proxy's and CNI's work.
var passing = []string{"runc", "iptables", "ip6tables", "iptables-save", "iptables-restor", "ip6tables-save", "ip6tables-resto", "xtables-nft-mul",
	"conntrack", "mount", "umount", "portmap", "ptp", "host-local", "loopback", "nft", "ip"}

func (n Node) processFacts(_ context.Context, f Facts) error {
	all, err := n.processes()
	if err != nil {
		return err
	}
	for _, p := range all {
		if below(p.name, passing) || p.state == 'Z' {
			continue
		}
		owner := p.unit()
		switch {
		case p.inPod():
			owner = "pod"
		case strings.HasSuffix(p.cgroup, "/"+kubeletUnit):
			owner = kubeletUnit
		case strings.HasPrefix(p.name, "containerd-shim"):
			owner = "containerd.service"
		}
		command := identifier.ReplaceAllString(strings.Join(p.command, " "), "ID")
		if len(command) > 200 {
			sum := sha256.Sum256([]byte(command))
			command = command[:120] + "… " + hex.EncodeToString(sum[:6])
		}
		if p.state == 'T' || p.state == 't' {
			command += " (stopped)"
		}
		if program, err := os.Readlink(filepath.Join(n.Root, "proc", strconv.Itoa(p.pid), "exe")); err == nil && strings.HasSuffix(program, " (deleted)") {
			command += " (of a file that is gone)"
		}
		f.count("process/" + owner + ": " + command)
	}
	return nil
}

func (n Node) mountFacts(_ context.Context, f Facts) error {
	points, err := n.mountPoints()
	if err != nil {
		return err
	}
	for _, m := range points {
		if !below(m, ofPods) && !strings.HasPrefix(m, "/run/credentials/") { // pods' follow their containers, which are processes
			f.count("mount" + m)
		}
	}
	return nil
}

func (n Node) networkFacts(ctx context.Context, f Facts) error {
	w, err := n.readNetwork(ctx)
	if err != nil {
		return err
	}
	if err := n.rawNetworkFacts(ctx, f); err != nil {
		return err
	}
	for kind, lines := range map[string][]string{"link": w.Links, "address": w.Addresses, "rule": w.Rules, "route": w.Routes, "table": w.Tables,
		"firewall": strings.Split(w.Firewall, "\n"), "firewall6": strings.Split(w.Firewall6, "\n")} {
		for _, line := range lines {
			controllers := strings.HasPrefix(kind, "firewall") && (strings.Contains(line, "KUBE-") || strings.Contains(line, "CNI-"))
			if line != "" && !strings.HasPrefix(line, "#") && !controllers {
				f.count(kind + "/" + counters.ReplaceAllString(line, ""))
			}
		}
	}
	return nil
}

// counters are the packets and bytes that iptables-save prints behind a chain.
var counters = regexp.MustCompile(` \[\d+:\d+\]$`)

// restlessSettings change by themselves, or with the links of pods.
var restlessSettings = regexp.MustCompile(`nf_conntrack_count$|/veth|tcp_fastopen_key|/cni|random`)

// sysctlFacts takes the settings of the node's own network and IPC. The others are the host's.
func (n Node) sysctlFacts(_ context.Context, f Facts) error {
	top := filepath.Join(n.Root, "proc/sys")
	return filepath.WalkDir(filepath.Join(top, "net"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a link that is just being removed
			return nil
		}
		if err != nil || d.IsDir() || restlessSettings.MatchString(path) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil // write-only, or not to be had in a namespace
		}
		f["sysctl/"+strings.TrimPrefix(path, top+"/")] = strings.Join(strings.Fields(string(text)), " ")
		return nil
	})
}

func (n Node) runtimeFacts(ctx context.Context, f Facts) error {
	images, err := n.images(ctx)
	if err != nil {
		return err
	}
	for _, i := range images {
		f["image/"+i] = "there"
	}
	for _, state := range []string{"active", "failed"} {
		units, err := n.unitsIn(ctx, state)
		if err != nil {
			return err
		}
		for _, u := range units {
			f["unit/"+u] = state
		}
	}
	return nil
}

// fileFacts takes every file that is not restless: of configuration and certificates the SHA-256, of others, which are many
// and big, size and time. (A file in which somebody changed these back is found by Rewind, which looks at the time of the last
// change; and programs of Kubernetes are in every snapshot, with their SHA-256.)
func (n Node) fileFacts(_ context.Context, f Facts) error {
	files, err := n.index()
	if err != nil {
		return err
	}
	for _, file := range files {
		if below(file.Path, restless) || below(file.Path, kubeletsOwn) {
			continue
		}
		value := fmt.Sprintf("%s %04o %d:%d %s", file.Kind, file.Mode, file.UID, file.GID, file.Link)
		if file.Kind == regular && file.Size <= keptMax && below(file.Path, kept) {
			content, err := os.ReadFile(filepath.Join(n.Root, file.Path))
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			value += hex.EncodeToString(sum[:])
		} else if file.Kind == regular {
			value += fmt.Sprintf("%d bytes of %d", file.Size, file.Mtime)
		}
		f["file"+file.Path] = value
	}
	return nil
}

// kubeletsOwn are the files in which kubelet notes what it does with pods. A node that starts makes them anew.
var kubeletsOwn = []string{"/var/lib/kubelet/cpu_manager_state", "/var/lib/kubelet/memory_manager_state", "/var/lib/kubelet/actuated_pods_state",
	"/var/lib/kubelet/allocated_pods_state", "/var/lib/kubelet/checkpoints", "/var/lib/kubelet/plugins", "/var/lib/kubelet/plugins_registry",
	"/var/lib/kubelet/dra_manager_state"}
