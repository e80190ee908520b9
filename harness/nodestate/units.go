package nodestate

import (
	"context"
	"slices"
	"strings"
)

const kubeletUnit = "kubelet.service"

func (n Node) stopKubelet(ctx context.Context) error {
	_, err := n.run(ctx, nil, "systemctl", "stop", kubeletUnit)
	return err
}

// units lists the loaded services, timers, sockets and paths in these states.
func (n Node) unitsIn(ctx context.Context, states string) ([]string, error) {
	out, err := n.run(ctx, nil, "systemctl", "list-units", "--type=service,timer,socket,path", "--state="+states, "--plain", "--no-legend", "--no-pager", "--full")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != kubeletUnit {
			names = append(names, fields[0])
		}
	}
	slices.Sort(names)
	return names, nil
}

func (n Node) activeUnits(ctx context.Context) ([]string, error) { return n.unitsIn(ctx, "active") }

// readers are the units that read files as they start, and nowhere else, by where the files lie.
var readers = map[string][]string{
	"containerd.service":       {"/etc/containerd", "/usr/local/bin/containerd", "/usr/bin/containerd"},
	"systemd-resolved.service": {"/etc/resolv.conf", "/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d"},
}

// putUnits makes those units active that were, and no others. It comes after the files.
func (n Node) putUnits(ctx context.Context, want []string, report *Report) error {
	changed := slices.Concat(report.Altered, report.Removed, report.Restored)
	if report.reload || slices.ContainsFunc(changed, func(path string) bool { return strings.Contains(path, "/systemd/") }) {
		if _, err := n.run(ctx, nil, "systemctl", "daemon-reload"); err != nil {
			return err
		}
	}
	do := func(verb, unit string) error {
		report.Units = append(report.Units, unit+" "+verb)
		_, err := n.run(ctx, nil, "systemctl", verb, unit)
		return err
	}
	for unit, files := range readers {
		if slices.ContainsFunc(changed, func(path string) bool { return below(path, files) }) && slices.Contains(want, unit) {
			if err := do("restart", unit); err != nil {
				return err
			}
		}
	}
	failed, err := n.unitsIn(ctx, "failed")
	if err != nil {
		return err
	}
	for _, unit := range failed {
		if err := do("reset-failed", unit); err != nil {
			return err
		}
	}
	have, err := n.unitsIn(ctx, "active,activating,reloading,deactivating")
	if err != nil {
		return err
	}
	for _, unit := range have {
		if !slices.Contains(want, unit) {
			if err := do("stop", unit); err != nil {
				return err
			}
		}
	}
	for _, unit := range want {
		if !slices.Contains(have, unit) {
			if err := do("start", unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// emptyJournal throws the journal away: who reads in it what happened before is misled.
func (n Node) emptyJournal(ctx context.Context) error {
	_, err := n.run(ctx, nil, "journalctl", "--quiet", "--rotate", "--vacuum-time=1us")
	return err
}
