package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/report"
)

// killed is how often a real run is killed, with real clusters, unless NOV30_REAL_KILLS says otherwise; the same on files and
// processes alone is suites/kill.
const killed = 20

// runLasts is how long an arm on a new cluster takes on a small machine: kills are spread over it.
const runLasts = 100 * time.Second

var _ = Describe("a run that is killed", Label("soak"), func() {
	It("leaves nothing broken and nothing behind, whenever it happens", func(ctx SpecContext) {
		seed := uint64(clock.Now().UnixNano())
		random := rand.New(rand.NewPCG(seed, 0))
		By(fmt.Sprintf("seed %d", seed))
		kills := killed
		if n, err := strconv.Atoi(os.Getenv("NOV30_REAL_KILLS")); err == nil && n > 0 {
			kills = n
		}
		for n := range kills {
			after := time.Second + time.Duration(random.Int64N(int64(runLasts)))
			both := n%4 == 3 // every fourth time nobody is left to undo it: the next sweep must
			took := killOnce(ctx, after, both)
			fmt.Printf("  kill %2d/%d after %5.1f s, guardian killed too: %-5v everything gone after %4.1f s\n", n+1, kills, after.Seconds(), both, took.Seconds())
		}
	}, SpecTimeout(2*time.Hour))
})

// killOnce starts a run, kills it, and waits until nothing of it is left.
func killOnce(ctx context.Context, after time.Duration, both bool) time.Duration {
	GinkgoHelper()
	out := GinkgoT().TempDir()
	cmd := exec.Command(built.Nov30, "run", "--focus", "chaos etcd-certs-expired-latent$", "--arms", "treated", "--out", out, "--tool", "../../fixtures/tools/medic.yaml")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	Expect(cmd.Start()).To(Succeed())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(after):
	case <-ctx.Done():
	}
	id, _ := os.Readlink(filepath.Join(out, report.LatestLink)) // none: it was killed before it had begun
	if both && id != "" {
		killGuardian(id)
	}
	_ = cmd.Process.Kill()
	<-done
	start := clock.Now()
	if both || id == "" {
		sweepOut, err := exec.CommandContext(ctx, built.Nov30, "sweep").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(sweepOut))
	}
	if id == "" {
		return clock.Since(start)
	}
	Eventually(leftOf).WithArguments(ctx, id, out).WithTimeout(2*time.Minute).WithPolling(100*time.Millisecond).Should(Succeed(), "the run said:\n%s", said.String())
	return clock.Since(start)
}

// guardians finds the guardian of a run among the processes.
func guardians(id string) []int {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []int
	for _, p := range paths {
		text, err := os.ReadFile(p)
		argv := strings.Split(string(text), "\x00")
		if err == nil && len(argv) >= 3 && argv[1] == "guardian" && argv[2] == id {
			pid, _ := strconv.Atoi(strings.Split(p, "/")[2])
			found = append(found, pid)
		}
	}
	return found
}

// killGuardian kills a process that this suite's own run has started.
func killGuardian(id string) {
	for _, pid := range guardians(id) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// leftOf says what is left of a run: containers, networks, volumes, journals, locks, keys, processes.
func leftOf(ctx context.Context, id, out string) error {
	var left []error
	for what, argv := range map[string][]string{
		"containers": {"ps", "--all", "--quiet", "--filter", "name=nov30-" + id},
		"networks":   {"network", "ls", "--quiet", "--filter", "label=nov30.run=" + id},
		"volumes":    {"volume", "ls", "--quiet", "--filter", "label=nov30.run=" + id},
	} {
		text, err := eng.Run(ctx, nil, argv...)
		if err != nil || len(bytes.TrimSpace(text)) > 0 {
			left = append(left, fmt.Errorf("%s: %s %w", what, text, errOrLeft(err)))
		}
	}
	open, err := journal.List(home.Journals())
	for _, l := range open {
		if l.Meta.Run == id {
			err = errors.Join(err, fmt.Errorf("journal %s", l.Path))
		}
	}
	left = append(left, err, none(filepath.Join(home.Dir, "runs", id+".lock")))
	if pids := guardians(id); len(pids) > 0 {
		left = append(left, fmt.Errorf("guardian %v is still there", pids))
	}
	keys, err := filepath.Glob(filepath.Join(out, id, "*", "*", "kubeconfig"))
	if len(keys) > 0 {
		err = errors.Join(err, fmt.Errorf("keys: %v", keys))
	}
	private, globErr := filepath.Glob(filepath.Join(os.TempDir(), "nov30-tool-*"))
	if len(private) > 0 {
		globErr = errors.Join(globErr, fmt.Errorf("tool's files: %v", private))
	}
	return errors.Join(append(left, err, globErr)...)
}

var errLeft = errors.New("left")

func errOrLeft(err error) error {
	if err == nil {
		return errLeft
	}
	return err
}

func none(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is still there (%w)", path, errOrLeft(err))
	}
	return nil
}
