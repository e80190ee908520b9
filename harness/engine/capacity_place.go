package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// place is where an engine keeps its containers, as far as it matters for what they may use.
type place struct {
	elsewhere string // why this machine's /proc says nothing about the containers; empty where it does
	rootless  bool
}

// engineInfo is what `docker info` and `podman info` say of the kernel under the containers.
type engineInfo struct {
	Kernel   string
	Memory   uint64 // bytes
	Rootless bool
}

// place asks the engine. A socket on this machine may lead to another one: a context, a tunnel, a virtual machine.
func (m machine) place(ctx context.Context, e *Engine) (place, error) {
	format := "{{json .}}"
	if e.Name == Podman {
		format = "json"
	}
	out, err := m.run(ctx, e.Env(), nil, e.Bin, "info", "--format", format)
	if err != nil {
		return place{}, err
	}
	info, err := parseInfo(e.Name, out)
	if err != nil {
		return place{}, fmt.Errorf("%s info: %w", e.Bin, err)
	}
	return place{elsewhere: m.elsewhere(info), rootless: info.Rootless}, nil
}

func (m machine) elsewhere(info engineInfo) string {
	kernel, err := m.read("/proc/sys/kernel/osrelease")
	if err != nil {
		return "this machine's kernel is not known: " + oneLine(err)
	}
	if kernel = strings.TrimSpace(kernel); kernel != info.Kernel {
		return fmt.Sprintf("the engine's containers are on another machine: its kernel is %s, here it is %s", info.Kernel, kernel)
	}
	text, err := m.read("/proc/meminfo")
	if err != nil {
		return "this machine's memory is not known: " + oneLine(err)
	}
	total, err := meminfo(text, "MemTotal")
	if err != nil {
		return err.Error()
	}
	if total != info.Memory {
		return fmt.Sprintf("the engine's containers are on another machine: it has %s of memory, this one %s", size(info.Memory), size(total))
	}
	return ""
}

func parseInfo(name string, text []byte) (engineInfo, error) {
	var d struct {
		KernelVersion   string
		MemTotal        uint64
		SecurityOptions []string
		Host            struct { // podman's
			Kernel   string
			MemTotal uint64
			Security struct{ Rootless bool }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return engineInfo{}, err
	}
	info := engineInfo{d.KernelVersion, d.MemTotal, slices.Contains(d.SecurityOptions, "name=rootless")}
	if name == Podman {
		info = engineInfo{d.Host.Kernel, d.Host.MemTotal, d.Host.Security.Rootless}
	}
	if info.Kernel == "" || info.Memory == 0 {
		return engineInfo{}, fmt.Errorf("names no kernel or no memory: kernel %q, %d bytes", info.Kernel, info.Memory)
	}
	return info, nil
}

// running counts the clusters that have a running node.
func (m machine) running(ctx context.Context, e *Engine) (int, error) {
	const label = "io.x-k8s.kind.cluster"
	out, err := m.run(ctx, e.Env(), nil, e.Bin, "ps", "--filter", "label="+label, "--format", `{{.Label "`+label+`"}}`)
	if err != nil {
		return 0, err
	}
	names := strings.Fields(string(out))
	slices.Sort(names)
	return len(slices.Compact(names)), nil
}

// The numbers of the kernel's first namespaces (include/linux/proc_ns.h).
const (
	firstUserNamespace = "user:[4026531837]"
	firstPIDNamespace  = "pid:[4026531836]"
)

// hidden says why root's processes cannot all be seen from here; empty when they can.
func (m machine) hidden(at place) string {
	if at.rootless {
		return "what a rootless engine's containers use cannot be seen from outside them"
	}
	if !m.root() {
		return "only root can see what is in use"
	}
	for kind, first := range map[string]string{"user": firstUserNamespace, "pid": firstPIDNamespace} {
		ours, err := fs.ReadLink(m.files, "proc/self/ns/"+kind)
		if err != nil {
			return "what is in use cannot be seen: " + oneLine(err)
		}
		if ours != first {
			return "what is in use outside this container cannot be seen"
		}
	}
	return ""
}
