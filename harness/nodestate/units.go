package nodestate

import (
	"context"
	"path/filepath"
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

// readers are the units that read files as they start, beside their own and their program, by where the files lie.
var readers = map[string][]string{
	"containerd.service":       {"/etc/containerd"},
	"systemd-resolved.service": {"/etc/resolv.conf", "/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d"},
}

// stale are the units that run with a file that is another one now: their own, one of their drop-ins, their program, or one that
// they read. Whoever has put back what was lost, programs mostly, restarts them.
func (n Node) stale(ctx context.Context, units []string, report *Report) error {
	changed := slices.Concat(report.Altered, report.Removed, report.Restored, report.Lost)
	if len(changed) == 0 || len(units) == 0 {
		return nil
	}
	out, err := n.run(ctx, nil, append([]string{"systemctl", "show", "--no-pager", "--property=Id,ExecStart"}, units...)...)
	if err != nil {
		return err
	}
	programs := programsOf(out)
	for _, unit := range units {
		if slices.ContainsFunc(changed, func(path string) bool {
			return filepath.Base(path) == unit || filepath.Base(filepath.Dir(path)) == unit+".d" || below(path, programs[unit]) || below(path, readers[unit])
		}) {
			report.Stale = append(report.Stale, unit)
		}
	}
	return nil
}

// programsOf reads the programs of units from what systemctl show prints: ExecStart={ path=/usr/bin/x ; argv[]=… }.
func programsOf(show string) map[string][]string {
	programs, unit := map[string][]string{}, ""
	for block := range strings.SplitSeq(show, "\n\n") {
		var paths []string
		for line := range strings.Lines(block) {
			if id, ok := strings.CutPrefix(line, "Id="); ok {
				unit = strings.TrimSpace(id)
			}
			if _, rest, ok := strings.Cut(line, "ExecStart={ path="); ok {
				path, _, _ := strings.Cut(rest, " ")
				paths = append(paths, path)
			}
		}
		programs[unit] = paths
	}
	return programs
}

// stopUnits stops the units that were not active: they could go on changing what is put right next. It returns those that are.
func (n Node) stopUnits(ctx context.Context, want []string, report *Report) (have []string, err error) {
	have, err = n.unitsIn(ctx, "active,activating,reloading,deactivating")
	if err != nil {
		return nil, err
	}
	for _, unit := range have {
		if slices.Contains(want, unit) {
			continue
		}
		report.Units = append(report.Units, unit+" stop")
		if _, err := n.run(ctx, nil, "systemctl", "stop", unit); err != nil {
			return nil, err
		}
	}
	return have, nil
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
	failed, err := n.unitsIn(ctx, "failed")
	if err != nil {
		return err
	}
	for _, unit := range failed {
		if err := do("reset-failed", unit); err != nil {
			return err
		}
	}
	have, err := n.stopUnits(ctx, want, report)
	if err != nil {
		return err
	}
	for _, unit := range want {
		if !slices.Contains(have, unit) {
			if err := do("start", unit); err != nil {
				return err
			}
		}
	}
	return n.stale(ctx, want, report)
}

// emptyJournal throws the journal away: who reads in it what happened before is misled.
func (n Node) emptyJournal(ctx context.Context) error {
	_, err := n.run(ctx, nil, "journalctl", "--quiet", "--rotate", "--vacuum-time=1us")
	return err
}
