package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/gobuild"
)

// host is the machine that this process runs on.
func host() machine {
	return machine{
		goos: runtime.GOOS, euid: os.Geteuid(), cores: runtime.NumCPU(),
		files: os.DirFS("/"), clock: clockwork.NewRealClock(), getenv: os.Getenv,
		look: look, run: run, spawn: spawn, ping: ping, connect: connect,
		signal:  syscall.Kill,
		unmount: func(path string) error { return syscall.Unmount(path, syscall.MNT_DETACH) },
		rmdir:   syscall.Rmdir,
		free:    free, build: gobuild.Build, lock: lock,
	}
}

func look(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

func run(ctx context.Context, env []string, stdin io.Reader, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	// A package manager that is killed outright leaves its database locked and half written.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return out.Bytes(), &CommandError{Argv: argv, Stdout: out.Bytes(), Stderr: errs.Bytes(), Err: err}
	}
	return out.Bytes(), nil
}

// spawn starts the process in a session of its own, so that neither a Ctrl-C nor the caller's end reaches it.
func spawn(argv []string, log string) (int, <-chan error, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = "/", daemonEnv(os.Environ())
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", argv[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // also keeps a dead daemon from staying as a zombie of this process
	return cmd.Process.Pid, ended, nil
}

// daemonEnv leaves out what would make a daemon listen or report elsewhere, and adds root's commands to PATH.
func daemonEnv(env []string) []string {
	const sbin = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	var kept []string
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "DOCKER_"), strings.HasPrefix(name, "LISTEN_"), name == "NOTIFY_SOCKET",
			name == "CONTAINER_HOST":
		case name == "PATH":
			kept = append(kept, "PATH="+value+":"+sbin)
		default:
			kept = append(kept, kv)
		}
	}
	return kept
}

func connect(ctx context.Context, socket string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	return conn.Close()
}

func ping(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(body) != "OK" {
		return fmt.Errorf("%s answers %s %q to a ping", socket, resp.Status, body)
	}
	return nil
}

func free(path string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// lock takes an exclusive lock that the kernel frees when the process ends.
func lock(ctx context.Context, path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	got := make(chan error, 1)
	go func() {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		for errors.Is(err, syscall.EINTR) {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		}
		got <- err
	}()
	unlock := func() { f.Close() }
	select {
	case err := <-got:
		if err != nil {
			unlock()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return unlock, nil
	case <-ctx.Done():
		go func() { <-got; unlock() }()
		return nil, fmt.Errorf("another nov30 holds %s: %w", path, ctx.Err())
	}
}
