package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"

	"github.com/nov30/nov30/harness/slo"
)

// serverEnv makes this test program the server of BenchmarkProbesCPU, so that only the probes' own CPU is measured.
const serverEnv = "PROBE_TEST_SERVER"

func TestMain(m *testing.M) {
	if path := os.Getenv(serverEnv); path != "" {
		serveForBenchmark(path)
		return
	}
	os.Exit(m.Run())
}

// everything answers each probe as a healthy cluster and site do.
func everything() http.Handler {
	nodes := healthyNodes()
	nodes.date, nodes.leases = "", nil
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("/site", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"nonce":"n"}`) })
	mux.HandleFunc("POST "+configMaps, func(w http.ResponseWriter, r *http.Request) {
		var m corev1.ConfigMap
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			panic(err)
		}
		reply(w, 201, m)
	})
	schedule := &podAPI{pods: map[string]*corev1.Pod{}, runsAt: 1, node: "w", deleted: make(chan string, 1000),
		status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.1.2"}}
	mux.Handle(pods, schedule)
	mux.Handle(pods+"/", schedule)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		nodes.set(now, map[string]time.Time{"cp": now, "w": now})
		nodes.ServeHTTP(w, r)
	})
	return mux
}

// inServer stands for the test in the server's process: it has a directory and fails by panic.
type inServer struct {
	testing.TB
	dir string
}

func (inServer) Helper()           {}
func (inServer) Cleanup(func())    {}
func (inServer) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
func (s inServer) TempDir() string { return s.dir }

// serveForBenchmark serves until its standard input is closed, with keys as kubeadm makes them.
func serveForBenchmark(dir string) {
	t := inServer{dir: dir}
	s := newAPIServerOf(t, newAuthorityOf(t, newRSA), everything())
	site := httptest.NewServer(everything())
	fmt.Println(s.cluster(t, s.ca).kubeconfig, site.URL+"/site")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// BenchmarkProbesCPU runs all the probes at their own rates for ten seconds and prints what share of one core they used.
func BenchmarkProbesCPU(b *testing.B) {
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), serverEnv+"="+b.TempDir())
	hold, err := server.StdinPipe()
	must(b, err)
	out, err := server.StdoutPipe()
	must(b, err)
	must(b, server.Start())
	defer func() { _ = hold.Close(); _ = server.Wait() }()
	var kubeconfig, url string
	_, err = fmt.Fscan(out, &kubeconfig, &url)
	must(b, err)
	c := twoNodes(kubeconfig)
	for b.Loop() {
		red, checks := 0, 0
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		clock := clockwork.NewRealClock()
		set := NewSet(clock, url, "n")
		before, began := cpu(b), time.Now()
		Run(ctx, c, clock, began, set.Default(), func(e slo.Event) {
			if checks++; !e.OK {
				red++
				b.Logf("%+v", e)
			}
		})
		used := cpu(b) - before
		cancel()
		must(b, set.Schedule.Close())
		if red > 0 || checks < 50 {
			b.Fatalf("%d of %d checks red", red, checks)
		}
		b.ReportMetric(100*used.Seconds()/time.Since(began).Seconds(), "%core")
		b.ReportMetric(float64(checks), "checks")
	}
}

// cpu is the time that this process has used, in user mode and in the kernel.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
