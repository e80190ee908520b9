package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheLockLetsOneInAndTheNextAfterIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, file); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a held lock gave %v", err)
	}
	unlock()
	again, err := lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestADaemonIsInASessionOfItsOwnAndWritesToItsLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	// field 6 of /proc/PID/stat is the session
	_, ended, err := spawn([]string{"/bin/sh", "-c", `read -r _ _ _ _ _ sid _ < /proc/$$/stat; echo "$$ $sid"; pwd; exit 3`}, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || err.Error() != "exit status 3" {
		t.Errorf("ended with %v", err)
	}
	b, err := os.ReadFile(log)
	f := strings.Fields(string(b))
	if err != nil || len(f) != 3 || f[0] != f[1] || f[2] != "/" {
		t.Errorf("log %q, %v", b, err)
	}
	if got := lastLines(log, 1); got != "/" {
		t.Errorf("last line %q", got)
	}
}

func TestADaemonsEnvironmentHasNothingThatRedirectsIt(t *testing.T) {
	got := daemonEnv([]string{"PATH=/a", "DOCKER_HOST=x", "NOTIFY_SOCKET=x", "LISTEN_FDS=1", "HTTPS_PROXY=p", "CONTAINER_HOST=x"})
	want := []string{"PATH=/a:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HTTPS_PROXY=p"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestOnlyAnOKIsAPing(t *testing.T) {
	for body, code := range map[string]int{"OK": 200, "": 200, "no": 200, "starting": 503} {
		socket := filepath.Join(shortDir(t), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		})}
		go server.Serve(l)
		if err := ping(t.Context(), socket); (err == nil) != (body == "OK") {
			t.Errorf("%d %q: %v", code, body, err)
		}
		if err := connect(t.Context(), socket); err != nil {
			t.Error(err)
		}
		server.Close()
		if ping(t.Context(), socket) == nil || connect(t.Context(), socket) == nil {
			t.Error("a closed socket answers")
		}
	}
}

func TestAFailedCommandCarriesItsArgumentsAndOutput(t *testing.T) {
	_, err := run(t.Context(), []string{"X=seen"}, strings.NewReader(""), "/bin/sh", "-c", "echo out; echo $X >&2; exit 4")
	failed := (*CommandError)(nil)
	if !errors.As(err, &failed) || string(failed.Stdout) != "out\n" || string(failed.Stderr) != "seen\n" || failed.Argv[0] != "/bin/sh" {
		t.Fatalf("got %#v", err)
	}
}

func TestACommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := run(ctx, nil, nil, "/bin/sh", "-c", "exec sleep 60"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestThisMachinesOwnProcessesCanBeListed(t *testing.T) {
	m := host()
	m.getenv = func(k string) string { return map[string]string{"XDG_STATE_HOME": t.TempDir()}[k] }
	d, err := m.own()
	if err != nil {
		t.Fatal(err)
	}
	if p := m.processes(d); len(p.dockerd)+len(p.containerd)+len(p.shims) != 0 {
		t.Errorf("a daemon that never ran has processes: %+v", p)
	}
	if !m.sameNetwork(os.Getpid()) {
		t.Error("this process is not in its own network namespace")
	}
}
