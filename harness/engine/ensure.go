package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Ensure returns a container engine that can run kind's nodes. It takes the one that Find finds when a privileged
// container starts there. Otherwise, as root and unless NOV30_BOOTSTRAP=0, it installs what is missing from the
// distribution (Debian, Ubuntu) and starts nov30's own daemon, which outlives this process. It tells progress before each
// step that takes time. Two calls at once, of two processes also, start one daemon.
func Ensure(ctx context.Context, progress func(string)) (*Engine, error) {
	if progress == nil {
		progress = func(string) {}
	}
	return host().ensure(ctx, progress)
}

func (m machine) ensure(ctx context.Context, progress func(string)) (*Engine, error) {
	e, err := m.find(ctx)
	if err == nil && !e.Own {
		if _, err = m.probe(ctx, e); err == nil {
			return e, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && !errors.Is(err, ErrNoEngine) && !errors.Is(err, ErrPrivileged) {
		return nil, err
	}
	if refusal := m.mayStart(); refusal != "" {
		if err == nil { // the own daemon, which answers, is used as it is
			return e, nil
		}
		return nil, fmt.Errorf("%w (nov30 starts no daemon of its own: %s)", err, refusal)
	}
	if none := (*NoEngineError)(nil); errors.As(err, &none) {
		progress("no engine yet: " + strings.Join(none.Tried, "; "))
	} else if err != nil {
		progress(err.Error())
	}
	if found, err := m.provision(ctx, progress); err != nil || found != nil {
		return found, err
	}
	return m.ensureOwn(ctx, progress)
}

// mayStart is empty, or the reason why nov30 starts no daemon of its own.
func (m machine) mayStart() string {
	picked, err := m.choice()
	switch {
	case err != nil:
		return err.Error()
	case !slices.Contains(picked, Own):
		return "NOV30_ENGINE=" + picked[0]
	case m.getenv("NOV30_BOOTSTRAP") == "0":
		return "NOV30_BOOTSTRAP=0"
	case !m.root():
		return "that needs root"
	}
	return ""
}

// provision installs the daemon's commands where they are missing. Installing may have started the distribution's own
// daemon: when it will do it is returned, else nil.
func (m machine) provision(ctx context.Context, progress func(string)) (*Engine, error) {
	missing := m.missing()
	if len(missing) == 0 {
		return nil, nil
	}
	progress("not installed: " + strings.Join(missing, ", "))
	if err := m.debian(); err != nil {
		return nil, fmt.Errorf("cannot install a container engine: %w, or install docker or podman", err)
	}
	if err := m.install(ctx, progress, enginePackages...); err != nil {
		return nil, err
	}
	if _, err := m.look(Docker); err != nil { // newer releases have the command in a package of its own
		if err := m.install(ctx, progress, "docker-cli"); err != nil {
			return nil, err
		}
	}
	if left := m.missing(); len(left) > 0 {
		return nil, fmt.Errorf("still not there after installing %s: %s", strings.Join(enginePackages, " "), strings.Join(left, ", "))
	}
	if picked, err := m.choice(); err != nil || !slices.Contains(picked, Docker) {
		return nil, err
	}
	e, err := m.findDocker(ctx)
	if err != nil {
		return nil, ctx.Err()
	}
	if _, err := m.probe(ctx, e); err != nil {
		progress(err.Error())
		return nil, ctx.Err()
	}
	return e, nil
}
