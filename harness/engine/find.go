package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// The values of NOV30_ENGINE.
const (
	Docker = "docker" // the user's docker, at DOCKER_HOST when that is set
	Podman = "podman"
	Own    = "own" // nov30's own daemon
)

var choices = []string{Docker, Podman, Own}

// answerTime bounds how long an engine may take to tell its version.
const answerTime = 20 * time.Second

// Find returns a container engine whose command exists and whose daemon answers; whether it can start a privileged
// container is for Privileged to say. NOV30_ENGINE picks one; otherwise nov30's own daemon if it runs, the user's docker
// and podman are tried in this order. Our own runs only where Ensure found that the others would not do, and what earlier
// runs left is there; but a DOCKER_HOST that the user set comes before it. The error is a *NoEngineError when none works, an
// ErrChoice when NOV30_ENGINE is none of its values. Find installs and starts nothing.
func Find(ctx context.Context, getenv func(string) string) (*Engine, error) {
	m := host()
	m.getenv = getenv
	return m.find(ctx)
}

func (m machine) find(ctx context.Context) (*Engine, error) {
	if err := m.supported(); err != nil {
		return nil, err
	}
	picked, err := m.choice()
	if err != nil {
		return nil, err
	}
	finders := map[string]func(context.Context) (*Engine, error){
		Docker: m.findDocker, Podman: m.findPodman, Own: m.findOwn,
	}
	missing := &NoEngineError{}
	for _, name := range picked {
		e, err := finders[name](ctx)
		if err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if remote := (*remoteError)(nil); errors.As(err, &remote) {
			return nil, err
		}
		missing.Tried = append(missing.Tried, fmt.Sprintf("%s: %v", name, err))
	}
	missing.Mend = m.mend()
	return nil, missing
}

// choice is the engines to try, in order.
func (m machine) choice() ([]string, error) {
	c := m.getenv("NOV30_ENGINE")
	switch {
	case c == "" && m.getenv("DOCKER_HOST") != "":
		return choices, nil
	case c == "":
		return []string{Own, Docker, Podman}, nil
	}
	if !slices.Contains(choices, c) {
		return nil, fmt.Errorf("NOV30_ENGINE=%q: %w: choose one of %s, or leave it unset", c, ErrChoice, strings.Join(choices, ", "))
	}
	return []string{c}, nil
}

// mend is what a user can do on this machine about a missing engine.
func (m machine) mend() string {
	switch {
	case m.root() && m.debian() == nil:
		return "nov30 doctor --fix"
	case m.root():
		return "install docker or podman and start it, or install dockerd, containerd, runc, iptables and iproute2 and run: nov30 doctor --fix"
	default:
		return "install docker or podman (Debian, Ubuntu: sudo apt-get install docker.io && sudo usermod -aG docker $USER, then log in again), " +
			"or run as root: nov30 doctor --fix"
	}
}

// remoteError is a DOCKER_HOST whose containers this machine could not reach.
type remoteError struct{ variable, value string }

func (e *remoteError) Error() string {
	return fmt.Sprintf("%s=%s is not on this machine: nov30's probes must reach the nodes' own addresses; unset it, or set it to unix://…",
		e.variable, e.value)
}

func (m machine) findDocker(ctx context.Context) (*Engine, error) {
	address := m.getenv("DOCKER_HOST")
	if address != "" && !strings.HasPrefix(address, "unix://") {
		return nil, &remoteError{"DOCKER_HOST", address}
	}
	if d, err := m.own(); err == nil && address == "unix://"+d.socket {
		return m.findOwn(ctx)
	}
	e := &Engine{Name: Docker, Host: address}
	return e, m.answers(ctx, e, "Docker version ", "{{.Server.Version}}")
}

func (m machine) findPodman(ctx context.Context) (*Engine, error) {
	address := m.getenv("CONTAINER_HOST")
	if address != "" && !strings.HasPrefix(address, "unix://") {
		return nil, &remoteError{"CONTAINER_HOST", address}
	}
	e := &Engine{Name: Podman, Host: address}
	return e, m.answers(ctx, e, "podman version ", "{{.Client.Version}}")
}

// answers fills in the path of the engine's command and proves that it and its daemon work. The command's own words are
// asked for because a `docker` may be podman's imitation, which kind must be told of.
func (m machine) answers(ctx context.Context, e *Engine, words, format string) error {
	bin, err := m.look(e.Name)
	if err != nil {
		return fmt.Errorf("the command %s is not installed", e.Name)
	}
	e.Bin = bin
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	out, err := m.run(ctx, e.Env(), nil, bin, "--version")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(out), words) {
		return fmt.Errorf("%s --version says %q: not %s", bin, firstLine(string(out)), e.Name)
	}
	out, err = m.run(ctx, e.Env(), nil, bin, "version", "--format", format)
	if err != nil {
		return silent(err)
	}
	if strings.TrimSpace(string(out)) == "" {
		return fmt.Errorf("%s version names no version", bin)
	}
	return nil
}

// silent is a daemon that does not answer: what its command said, and what to do about the commonest refusal.
func silent(err error) error {
	text := said(err)
	if strings.Contains(text, "permission denied") {
		text += " (sudo usermod -aG docker $USER, then log in again)"
	}
	return fmt.Errorf("its daemon does not answer: %s", text)
}

// said is the first line that a failed command wrote to stderr, without the command itself; of another error its text.
func said(err error) string {
	failed := (*CommandError)(nil)
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		return firstLine(string(failed.Stderr))
	}
	return err.Error()
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

func (m machine) findOwn(ctx context.Context) (*Engine, error) {
	d, err := m.own()
	if err != nil {
		return nil, err
	}
	bin, err := m.look(Docker)
	if err != nil {
		return nil, errors.New("the command docker is not installed")
	}
	if err := m.ping(ctx, d.socket); errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("not started")
	} else if err != nil {
		return nil, fmt.Errorf("does not answer: %w", err)
	}
	return d.engine(bin), nil
}
