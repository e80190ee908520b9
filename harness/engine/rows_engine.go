package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func (m machine) engineRow(ctx context.Context) (*Engine, Row) {
	row := Row{Name: "engine", Needed: true}
	e, err := m.find(ctx)
	if err != nil {
		row.Status, row.Value, row.Fix = Fail, oneLine(err), m.mend()
		if none := (*NoEngineError)(nil); errors.As(err, &none) {
			row.Value = strings.Join(none.Tried, "; ")
		}
		if picked, bad := m.choice(); bad != nil {
			row.Fix = "unset NOV30_ENGINE"
		} else if len(picked) == 1 && picked[0] != Own {
			row.Fix = fmt.Sprintf("start %s, or unset NOV30_ENGINE", picked[0])
		}
		if remote := (*remoteError)(nil); errors.As(err, &remote) {
			row.Fix = "unset " + remote.variable
		}
		return nil, row
	}
	row.Status, row.Value = OK, e.Name+" ("+e.Bin+")"
	if e.Own {
		row.Value = "nov30's own daemon, " + e.Host
	} else if e.Host != "" {
		row.Value += ", " + e.Host
	}
	return e, row
}

// privilegedRows are the rows of the one container that is started.
func (m machine) privilegedRows(ctx context.Context, e *Engine) []Row {
	started := Row{Name: "privileged container", Needed: true}
	clock := Row{Name: "CAP_SYS_TIME dropped"}
	if e == nil {
		started.Status, started.Value, started.Fix = Fail, "not checked: no engine", m.mend()
		clock.Status, clock.Value, clock.Fix = Warn, "not checked: no engine", m.mend()
		return []Row{started, clock}
	}
	has, err := m.probe(ctx, e)
	if err != nil {
		started.Status, started.Value, started.Fix = Fail, oneLine(err), m.ownCommand()
		clock.Status, clock.Value, clock.Fix = Warn, "not checked: no privileged container", m.ownCommand()
		if !errors.Is(err, ErrPrivileged) { // it was not even tried
			started.Fix = "put the go command in PATH and look at: " + e.Bin + " info"
		} else if e.Own {
			started.Fix = "look at the end of dockerd.log beside " + e.Host
		}
		return []Row{started, clock}
	}
	started.Status, started.Value = OK, "starts, with CAP_SYS_ADMIN"
	clock.Status, clock.Value = OK, "yes"
	if has.Time {
		clock.Status, clock.Fix = Warn, m.ownCommand()
		clock.Value = "no: `date -s` in a node moves this machine's clock; a run in which it moves fails"
	}
	return []Row{started, clock}
}

// ownCommand starts nov30's own daemon instead of the engine that was found.
func (m machine) ownCommand() string {
	if m.root() {
		return "NOV30_ENGINE=own nov30 doctor --fix, and keep NOV30_ENGINE=own"
	}
	return "as root: NOV30_ENGINE=own nov30 doctor --fix, and keep NOV30_ENGINE=own"
}

func (m machine) diskRow(ctx context.Context, e *Engine, need uint64) Row {
	row := Row{Name: "free disk", Needed: true}
	root, err := m.dataRoot(ctx, e)
	if err != nil {
		row.Status, row.Value, row.Fix = Fail, oneLine(err), "set HOME or XDG_STATE_HOME"
		return row
	}
	free, err := m.free(root)
	// The engine's directories may not exist yet, or be root's alone: then what is above them tells.
	for err != nil && root != "/" && (errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)) {
		root = filepath.Dir(root)
		free, err = m.free(root)
	}
	switch {
	case err != nil:
		row.Status, row.Value, row.Fix = Fail, oneLine(err), "df "+root
	case free < need:
		row.Status = Fail
		row.Value = fmt.Sprintf("%s under %s, %s needed: %s missing", size(free), root, size(need), size(need-free))
		row.Fix = "free some, or set XDG_STATE_HOME to a directory on a larger file system"
		if e != nil && !e.Own {
			row.Fix = e.Name + " system prune"
		}
	default:
		row.Status, row.Value = OK, fmt.Sprintf("%s under %s, %s needed", size(free), root, size(need))
	}
	return row
}

// dataRoot is where the engine keeps images and containers; without an engine, where our own daemon would.
func (m machine) dataRoot(ctx context.Context, e *Engine) (string, error) {
	if e == nil || e.Own {
		d, err := m.own()
		return d.data, err
	}
	format := "{{.DockerRootDir}}"
	if e.Name == Podman {
		format = "{{.Store.GraphRoot}}"
	}
	out, err := m.run(ctx, e.Env(), nil, e.Bin, "info", "--format", format)
	if err != nil {
		return "", err
	}
	root := strings.TrimSpace(string(out))
	if !filepath.IsAbs(root) {
		return "", fmt.Errorf("%s info names no data root: %q", e.Bin, root)
	}
	return root, nil
}

func leftoversRow(ctx context.Context, e *Engine, look func(context.Context, *Engine) (Leftovers, error)) Row {
	row := Row{Name: "leftovers", Status: OK, Value: "none"}
	left, err := look(ctx, e)
	switch {
	case err != nil:
		row.Status, row.Value = Warn, oneLine(err)
	case len(left.Found) > 0:
		row.Status, row.Value, row.Fix = Warn, strings.Join(left.Found, ", "), left.Fix
	}
	return row
}

// oneLine makes an error fit a table.
func oneLine(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	const limit = 300
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return s
}

func size(bytes uint64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }
