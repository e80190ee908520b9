package nodestate

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// fakeMachine is a machine whose programs print what the test says, and whose kernel only notes what it is asked. Nothing
// leaves the test.
type fakeMachine struct {
	prints   map[string]string // by the command line's beginning; the longest that fits
	fails    map[string]error
	did      func(line string)       // is told of each command before it prints
	killFail func(pid int) error     // nil: every signal is taken
	umount   func(path string) error // nil: every mount point goes
	stdin    map[string]string       // what programs were given, by the command line
	mu       sync.Mutex
	ran      []string // command lines; "kill PID SIGNAL", "umount PATH"
}

func newMachine() *fakeMachine {
	return &fakeMachine{prints: map[string]string{}, fails: map[string]error{}, stdin: map[string]string{}}
}

func (m *fakeMachine) note(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ran = append(m.ran, line)
}

func (m *fakeMachine) run(_ context.Context, stdin io.Reader, argv ...string) (string, error) {
	line := strings.Join(argv, " ")
	m.note(line)
	m.mu.Lock()
	defer m.mu.Unlock()
	if stdin != nil {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return "", err
		}
		m.stdin[line] = string(text)
	}
	if m.did != nil {
		m.did(line)
	}
	if err := m.fails[line]; err != nil {
		return "", err
	}
	best, out := -1, ""
	for start, text := range m.prints {
		if strings.HasPrefix(line, start) && len(start) > best {
			best, out = len(start), text
		}
	}
	return out, nil
}

func (m *fakeMachine) kill(pid int, signal unix.Signal) error {
	m.note("kill " + strconv.Itoa(pid) + " " + unix.SignalName(signal))
	if m.killFail == nil {
		return nil
	}
	return m.killFail(pid)
}

func (m *fakeMachine) unmount(path string) error {
	m.note("umount " + path)
	if m.umount == nil {
		return nil
	}
	return m.umount(path)
}

// commands are the command lines that begin with one of these.
func (m *fakeMachine) commands(starts ...string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []string
	for _, line := range m.ran {
		if slices.ContainsFunc(starts, func(s string) bool { return strings.HasPrefix(line, s) }) {
			found = append(found, line)
		}
	}
	return found
}

// fakeRuntime is a container runtime on a node's socket.
type fakeRuntime struct {
	cri.UnimplementedRuntimeServiceServer
	mu       sync.Mutex
	pods     []string
	stopped  []string
	stopFail error
	broken   int // calls of ListPodSandbox that fail
}

func newRuntime(t *testing.T, root string) *fakeRuntime {
	t.Helper()
	path := filepath.Join(root, runtimeSocket)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	r, server := &fakeRuntime{}, grpc.NewServer()
	cri.RegisterRuntimeServiceServer(server, r)
	go func() { _ = server.Serve(l) }() // ends with Stop
	t.Cleanup(server.Stop)
	return r
}

func (r *fakeRuntime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken > 0 {
		r.broken--
		return nil, errors.New("the runtime is broken")
	}
	var all cri.ListPodSandboxResponse
	for _, p := range r.pods {
		all.Items = append(all.Items, &cri.PodSandbox{Id: p, Metadata: &cri.PodSandboxMetadata{Name: "pod-" + p}})
	}
	return &all, nil
}

func (r *fakeRuntime) StopPodSandbox(_ context.Context, q *cri.StopPodSandboxRequest) (*cri.StopPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = append(r.stopped, q.PodSandboxId)
	return &cri.StopPodSandboxResponse{}, r.stopFail
}

func (r *fakeRuntime) RemovePodSandbox(_ context.Context, q *cri.RemovePodSandboxRequest) (*cri.RemovePodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.stopped, q.PodSandboxId) {
		return nil, errors.New("it still runs")
	}
	r.pods = slices.DeleteFunc(r.pods, func(p string) bool { return p == q.PodSandboxId })
	return &cri.RemovePodSandboxResponse{}, nil
}
