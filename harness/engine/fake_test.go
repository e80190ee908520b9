package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/gobuild"
)

// fake is a machine made of maps. Its commands are scripted by the start of their line.
type fake struct {
	machine
	t        *testing.T
	tree     fstest.MapFS
	env      map[string]string
	bins     map[string]bool
	script   map[string]func() (string, error) // by the start of the command line, without the directory
	ran      []string
	envs     []string
	spawned  []string
	signals  []string
	removed  []string // unmounted or removed control groups
	answers  map[string]bool
	onSpawn  func(name string) // what a started daemon does
	onSignal func(pid int, s syscall.Signal)
	ended    chan error
	builds   int
}

// newFake is root on a Debian machine with docker's command, without any engine.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, tree: fstest.MapFS{}, bins: map[string]bool{"docker": true, "go": true}, answers: map[string]bool{},
		env: map[string]string{"XDG_STATE_HOME": shortDir(t), "XDG_CACHE_HOME": t.TempDir()}, ended: make(chan error, 1)}
	f.file("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n")
	f.file("proc/self/mountinfo", "")
	f.file("proc/sys/kernel/random/boot_id", "boot\n")
	f.script = map[string]func() (string, error){
		"ip -json -4 route": says(`[{"dst":"default","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"}]`),
		"ip -json link":     says(`[]`),
		"ip ":               says(""),
		"iptables ":         says(""),
		"docker --version":  says("Docker version 20.10.24, build x"),
		"docker version":    fails("Cannot connect to the Docker daemon at unix:///var/run/docker.sock."),
		"docker image":      says("sha256:1"),
		"docker run":        says(`{"sys_admin":true,"sys_time":false}`),
		"go version":        says("go version go1.26"),
	}
	clock := tickingClock{clockwork.NewFakeClock()}
	f.machine = machine{goos: "linux", euid: 0, cores: 2, files: f.tree, clock: clock,
		getenv:  func(k string) string { return f.env[k] },
		look:    f.look,
		run:     f.run,
		spawn:   f.spawn,
		ping:    f.answer,
		connect: f.answer,
		signal:  f.kill,
		unmount: f.remove,
		rmdir:   f.remove,
		free:    func(string) (uint64, error) { return 20 << 30, nil },
		build:   f.build,
		lock:    func(context.Context, string) (func(), error) { return func() {}, nil },
	}
	return f
}

// tickingClock is a clock in which time passes exactly when somebody waits for a tick.
type tickingClock struct{ *clockwork.FakeClock }

type ticker struct {
	clockwork.Ticker
	clock *clockwork.FakeClock
	d     time.Duration
}

func (c tickingClock) NewTicker(d time.Duration) clockwork.Ticker {
	return ticker{c.FakeClock.NewTicker(d), c.FakeClock, d}
}

func (t ticker) Chan() <-chan time.Time {
	t.clock.Advance(t.d)
	return t.Ticker.Chan()
}

// shortDir is a directory whose sockets' paths are short enough, unlike those of t.TempDir.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func says(text string) func() (string, error) { return func() (string, error) { return text, nil } }

func fails(stderr string) func() (string, error) {
	return func() (string, error) { return "", errors.New(stderr) }
}

func (f *fake) file(name, text string) {
	f.tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
}

// process puts a process into /proc.
func (f *fake) process(pid int, argv ...string) {
	f.file(fmt.Sprintf("proc/%d/cmdline", pid), strings.Join(argv, "\x00")+"\x00")
}

// die takes it out.
func (f *fake) die(pid int) {
	for name := range f.tree {
		if strings.HasPrefix(name, fmt.Sprintf("proc/%d/", pid)) {
			delete(f.tree, name)
		}
	}
}

func (f *fake) look(name string) (string, error) {
	if f.bins[name] {
		return "/bin/" + name, nil
	}
	return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (f *fake) run(ctx context.Context, env []string, _ io.Reader, argv ...string) ([]byte, error) {
	line := filepath.Base(argv[0]) + " " + strings.Join(argv[1:], " ")
	f.ran, f.envs = append(f.ran, line), append(f.envs, env...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	best := ""
	for start := range f.script {
		if strings.HasPrefix(line, start) && len(start) > len(best) {
			best = start
		}
	}
	if best == "" {
		f.t.Errorf("unexpected command: %s", line)
		return nil, errors.New("unexpected command")
	}
	out, err := f.script[best]()
	if err != nil {
		return nil, &CommandError{Argv: argv, Stderr: []byte(err.Error()), Err: errors.New("exit status 1")}
	}
	return []byte(out), nil
}

func (f *fake) spawn(argv []string, log string) (int, <-chan error, error) {
	f.spawned = append(f.spawned, strings.Join(argv, " "))
	if err := os.WriteFile(log, []byte("first\nthe last line of the log\n"), 0o600); err != nil {
		return 0, nil, err
	}
	pid := 1000 + len(f.spawned)
	f.process(pid, argv...)
	if f.onSpawn != nil {
		f.onSpawn(filepath.Base(argv[0]))
	}
	return pid, f.ended, nil
}

func (f *fake) answer(_ context.Context, socket string) error {
	if f.answers[filepath.Base(socket)] {
		return nil
	}
	return fmt.Errorf("dial %s: %w", socket, fs.ErrNotExist)
}

func (f *fake) kill(pid int, s syscall.Signal) error {
	f.signals = append(f.signals, fmt.Sprintf("%d %v", pid, s))
	if f.onSignal != nil {
		f.onSignal(pid, s)
		return nil
	}
	f.die(pid)
	return nil
}

func (f *fake) remove(path string) error { f.removed = append(f.removed, path); return nil }

func (f *fake) build(_ context.Context, p gobuild.Program) error {
	f.builds++
	return os.WriteFile(p.Out, []byte("program"), 0o755)
}

// installed makes the machine one on which the packages are installed and daemons answer as soon as they are started.
func (f *fake) installed() *fake {
	for _, name := range needs {
		f.bins[name] = true
	}
	f.onSpawn = func(name string) {
		f.answers[map[string]string{"dockerd": "docker.sock", "containerd": "containerd.sock"}[name]] = true
	}
	return f
}

func (f *fake) own() daemon {
	f.t.Helper()
	d, err := f.machine.own()
	if err != nil {
		f.t.Fatal(err)
	}
	return d
}

// did reports whether a command that starts so was run.
func (f *fake) did(start string) bool {
	return slices.ContainsFunc(f.ran, func(line string) bool { return strings.HasPrefix(line, start) })
}

func quiet(string) {}
