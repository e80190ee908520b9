package journaltest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/pki"
	"github.com/nov30/nov30/harness/pki/pkitest"
)

// keeperVariable makes this binary a process that makes a cluster in that directory and ends.
const keeperVariable = "NOV30_TEST_KEEPER"

func TestMain(m *testing.M) {
	journaltest.BeMachine()
	if dir := os.Getenv(keeperVariable); dir != "" {
		c, err := journaltest.Create(dir, node.Worker)
		if err == nil {
			err = c.StartNode(context.Background(), c.Machines()[0].Name())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const etcdPKI = "/etc/kubernetes/pki/etcd/"

func running(t *testing.T) *journaltest.Processes {
	t.Helper()
	c, err := journaltest.Create(filepath.Join(t.TempDir(), "c"), node.ControlPlane, node.Worker)
	if err != nil {
		t.Fatal(err)
	}
	now := clockwork.NewRealClock().Now()
	ca := pkitest.CA(t, pkitest.ECDSA(t), now.Add(-time.Hour), now.AddDate(1, 0, 0))
	for _, name := range []string{"server", "peer"} {
		leaf := pkitest.Leaf(t, ca, pkitest.ECDSA(t), name, now.Add(-time.Hour), now.AddDate(1, 0, 0))
		c.Machines()[0].Put(etcdPKI+name+".crt", leaf.CertPEM, 0o644)
		c.Machines()[0].Put(etcdPKI+name+".key", leaf.KeyPEM, 0o600)
	}
	t.Cleanup(func() {
		for _, m := range c.Machines() {
			if err := c.StopNode(context.Background(), m.Name()); err != nil {
				t.Error(err)
			}
		}
	})
	for _, m := range c.Machines() {
		if err := c.StartNode(t.Context(), m.Name()); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	if err := await.Until(t.Context(), clockwork.NewRealClock(), time.Millisecond, 30*time.Second, check); err != nil {
		t.Fatal(err)
	}
}

func TestANodeIsOffAndOnForWhoeverOpensIt(t *testing.T) {
	c := running(t)
	other, err := journaltest.Open(filepath.Dir(filepath.Dir(c.Machines()[0].Host("/"))))
	if err != nil || other.Name() != c.Name() {
		t.Fatalf("opened %v, %v", other, err)
	}
	worker := c.Machines()[1]
	before, err := nodeop.BootID(t.Context(), worker)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.StartNode(t.Context(), worker.Name()); err != nil { // it runs already
		t.Fatal(err)
	}
	if same, err := nodeop.BootID(t.Context(), worker); err != nil || same != before {
		t.Errorf("a node that ran was booted: %s, %v", same, err)
	}
	for range 2 {
		if err := other.StopNode(t.Context(), worker.Name()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := worker.Exec(t.Context(), nil, "cat", "--", "/proc/1/stat"); err == nil {
		t.Error("a command ran in a node that is off")
	}
	if err := errors.Join(other.StartNode(t.Context(), worker.Name()), nodeop.AwaitBoot(t.Context(), clockwork.NewRealClock(), worker)); err != nil {
		t.Fatal(err)
	}
	if after, err := nodeop.BootID(t.Context(), worker); err != nil || after == before {
		t.Errorf("boot %s became %s, %v", before, after, err)
	}
	if err := c.StartNode(t.Context(), "c-nobody"); !errors.Is(err, node.ErrNoNode) {
		t.Errorf("got %v", err)
	}
}

func TestANodeServesTheCertificatesThatItsFilesHoldNow(t *testing.T) {
	c := running(t)
	master, worker := c.Machines()[0], c.Machines()[1]
	address, err := c.Address(t.Context(), master.Name())
	if err != nil {
		t.Fatal(err)
	}
	peer := address.String() + ":2380"
	assert := func(from node.Node, endpoint, name string) {
		t.Helper()
		want, err := pki.ParsePEM([]byte(master.Content(etcdPKI + name + ".crt")))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fault.Served(t.Context(), from, endpoint); err != nil || !got.Equal(want[0]) {
			t.Errorf("%s from %s: %v", endpoint, from.Name(), err)
		}
	}
	assert(master, "127.0.0.1:2379", "server")
	assert(worker, peer, "peer")
	for _, end := range []string{".crt", ".key"} { // the two change places
		server, peer := master.Content(etcdPKI+"server"+end), master.Content(etcdPKI+"peer"+end)
		master.Put(etcdPKI+"server"+end, []byte(peer), 0o600)
		master.Put(etcdPKI+"peer"+end, []byte(server), 0o600)
	}
	assert(master, "127.0.0.1:2379", "server")
	assert(worker, peer, "peer")
	for _, endpoint := range []string{"127.0.0.1:2379", "127.0.0.1:2380", "192.0.2.9:2380", address.String() + ":6443"} {
		if _, err := fault.Served(t.Context(), worker, endpoint); err == nil {
			t.Errorf("%s answers the worker", endpoint)
		}
	}
	if err := c.StopNode(t.Context(), master.Name()); err != nil {
		t.Fatal(err)
	}
	if _, err := fault.Served(t.Context(), worker, peer); err == nil {
		t.Error("a node that is off serves")
	}
}

func TestSettleWaitsForEveryCommand(t *testing.T) {
	c := running(t)
	worker := c.Machines()[1]
	ended := make(chan error, 1)
	go func() {
		_, err := nodeop.Script(t.Context(), worker, nil, "wait", `: >"$1"; while [ ! -e "$2" ]; do :; done`, "/begun", "/go")
		ended <- err
	}()
	eventually(t, func(context.Context) error { _, err := os.Stat(worker.Host("/begun")); return err })
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Settle(short); err == nil || !strings.Contains(err.Error(), worker.Name()) {
		t.Errorf("settled while a command runs: %v", err)
	}
	worker.Put("/go", nil, 0o600)
	if err := errors.Join(c.Settle(t.Context()), <-ended); err != nil {
		t.Error(err)
	}
}

func TestMachinesEndWithTheProcessThatMadeThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), keeperVariable+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c, err := journaltest.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		if pid, err := c.Machines()[0].PID(); err != nil || pid != 0 {
			return errors.Join(fmt.Errorf("it runs as %d", pid), err)
		}
		return nil
	})
}
