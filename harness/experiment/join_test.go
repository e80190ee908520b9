package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/canary"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/report"
)

// shared is a run that a bench's first process began, and what the others are invited with.
type shared struct {
	*bench
	options Options
	first   *Session
	invited []byte
	tmp     string // TMPDIR as a process finds it
}

const nothingThere = `'network ls '*|'ps '*) exit;;`

// newShared begins a run of some processes. It keeps the test's TMPDIR: processes change theirs.
func newShared(t *testing.T, processes int) *shared {
	t.Helper()
	b := newBench(t, nothingThere)
	r := &shared{bench: b, options: b.options(t), tmp: t.TempDir()}
	t.Setenv("TMPDIR", r.tmp)
	r.options.Order = []string{"s-one", "s-two", "s-three", "s-four"}
	var err error
	if r.first, err = Begin(t.Context(), r.options); err != nil {
		t.Fatal(err)
	}
	if r.invited, err = r.first.Invite(processes); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *shared) join(t *testing.T, process int) *Session {
	t.Helper()
	t.Setenv("TMPDIR", r.tmp)
	s, err := Join(r.options, r.invited, process)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// obedient is a guardian that undoes nothing and says in its log whom it guards.
const obedient = `echo "guards $1" >&2; echo ready; while read -r line; do case $line in *'"release"'*) echo released; exit;; esac; done`

func TestAProcessThatJoinsHasALockAGuardianAndAnIdOfItsOwn(t *testing.T) {
	r := newShared(t, 2)
	r.options.Guardian = []string{"sh", "-c", obedient, "guardian"}
	s := r.join(t, 2)
	if s.Run != r.first.Run+"-p2" || s.Dir != r.first.Dir || s.Image != r.first.Image || !living(t, r.home, s.Run) {
		t.Errorf("run %s in %s with %s, alive %v", s.Run, s.Dir, s.Image, living(t, r.home, s.Run))
	}
	if again, err := Join(r.options, r.invited, 2); err == nil {
		t.Errorf("joined twice as %s", again.Run)
	}
	if err := s.Leave(false); err != nil || living(t, r.home, s.Run) || !living(t, r.home, r.first.Run) {
		t.Errorf("%v; alive: it %v, the first %v", err, living(t, r.home, s.Run), living(t, r.home, r.first.Run))
	}
	if _, err := r.first.Finish(false); err != nil {
		t.Error(err)
	}
	if said, err := os.ReadFile(filepath.Join(r.first.Dir, "guardian-2.txt")); string(said) != "guards "+s.Run+"\n" {
		t.Errorf("the guardian said %q, %v", said, err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.home.runs(), "*")); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

func TestEveryProcessHasTemporaryFilesOfItsOwnThatGoWithIt(t *testing.T) {
	r := newShared(t, 2)
	one := os.Getenv("TMPDIR")
	s := r.join(t, 2)
	two := os.Getenv("TMPDIR")
	for run, dir := range map[string]string{r.first.Run: one, s.Run: two} {
		noted, err := os.ReadFile(r.home.tidyFile(run)) // what its guardian and a sweep go by
		if info, statErr := os.Stat(dir); err != nil || statErr != nil || info.Mode().Perm() != 0o700 || !strings.Contains(string(noted), `"`+dir+`"`) {
			t.Errorf("%s of %s: %v, %v, noted %s", dir, run, statErr, err, noted)
		}
	}
	if err := s.Leave(false); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(two); !os.IsNotExist(err) {
		t.Errorf("it left %s: %v", two, err)
	}
	if _, err := os.Stat(one); err != nil || one == two {
		t.Errorf("it took the other's with it: %v", err)
	}
}

func TestARunOfOneProcessKeepsItsTemporaryFilesWhereTheyWere(t *testing.T) {
	r := newShared(t, 1)
	if _, err := os.ReadFile(r.home.tidyFile(r.first.Run)); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
	if _, err := r.first.Finish(false); err != nil {
		t.Error(err)
	}
}

func TestJoiningSweepsNothing(t *testing.T) {
	r := newShared(t, 2)
	dead := r.leftBroken(t, "r9", "nov30-r9-1")
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	before := len(r.calls())
	defer r.join(t, 2).Leave(false)
	if _, err := os.Stat(dead.Path()); err != nil || len(r.calls()) != before {
		t.Errorf("%v; asked the engine %v", err, r.calls()[before:])
	}
}

func TestTheStopFileStopsEveryProcess(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	if err := os.WriteFile(filepath.Join(r.first.Dir, report.StopFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Session{r.first, s} {
		select {
		case <-p.stop.seen:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s does not look at the file", p.Run)
		}
	}
	if err := s.Leave(false); err != nil {
		t.Error(err)
	}
	if part, err := report.ReadRunFile(s.part); err != nil || !part.Interrupted || !part.Finished {
		t.Errorf("%+v, %v", part, err)
	}
}

func TestNothingIsMeasuredForARunWhoseFirstProcessIsGone(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	if err := s.abandoned(); err != nil {
		t.Errorf("the first one is alive: %v", err)
	}
	if err := r.first.abandoned(); err != nil {
		t.Errorf("the first one needs nobody: %v", err)
	}
	r.first.release()
	before := len(r.calls())
	if v, err := s.Scenario(t.Context(), goodScenario()); err == nil || !strings.Contains(v.Reasons[0], "has ended") || len(r.calls()) != before {
		t.Errorf("%+v, %v; asked the engine %v", v, err, r.calls()[before:])
	}
}

func TestWhatIsNoInvitationIsRefusedWithoutRepeatingIt(t *testing.T) {
	r := newShared(t, 2)
	var whole map[string]any
	if err := json.Unmarshal(r.invited, &whole); err != nil {
		t.Fatal(err)
	}
	for name := range whole {
		lacking := map[string]any{}
		for k, v := range whole {
			if k != name {
				lacking[k] = v
			}
		}
		text, err := json.Marshal(lacking)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := Join(r.options, text, 2); err == nil {
			t.Errorf("joined %s without %s", s.Run, name)
		}
	}
	secret := r.first.canary.SecretData()["password"]
	if _, err := Join(r.options, append(r.invited[:len(r.invited)-1], secret...), 2); err == nil || strings.Contains(err.Error(), string(secret)) {
		t.Errorf("got %v", err)
	}
	for _, process := range []int{-1, 0, 1} {
		if _, err := Join(r.options, r.invited, process); err == nil {
			t.Errorf("process %d has joined", process)
		}
	}
	if _, err := r.first.Invite(0); err == nil {
		t.Error("a run of no process")
	}
	if held, _ := filepath.Glob(filepath.Join(r.home.runs(), "*-p*")); len(held) > 0 {
		t.Errorf("held: %v", held)
	}
}

func TestEveryProcessPlantsTheSameCanaryAndTheFirstOneFindsIt(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	clusters := [2]*journaltest.Cluster{journaltest.New(t, node.ControlPlane), journaltest.New(t, node.ControlPlane)}
	for n, p := range []*Session{r.first, s} {
		if err := p.canary.Plant(t.Context(), clusters[n]); err != nil {
			t.Fatal(err)
		}
		for _, shown := range []string{fmt.Sprint(p.canary), fmt.Sprintf("%#v", p.canary), fmt.Sprintf("%+v", p.canary)} {
			if strings.Contains(shown, string(p.canary.SecretData()["password"])) {
				t.Errorf("printed: %s", shown)
			}
		}
	}
	for _, path := range []string{canary.KeyFile, canary.EnvFile} {
		one, two := clusters[0].Directories[0].Content(path), clusters[1].Directories[0].Content(path)
		if one == "" || one != two {
			t.Errorf("%s differs between the processes' clusters", path)
		}
	}
	leak := filepath.Join(s.Dir, "leak.txt")
	if err := os.WriteFile(leak, s.canary.SecretData()["token"], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Leave(false); err != nil {
		t.Fatal(err)
	}
	if code, err := r.first.Finish(false); code != 3 || err == nil || !strings.Contains(err.Error(), "leak.txt") {
		t.Errorf("code %d, %v", code, err)
	}
	if text, err := json.Marshal(s.canary); err != nil || bytes.Contains(text, s.canary.SecretData()["password"]) {
		t.Errorf("JSON: %s, %v", text, err)
	}
}

func TestNoProcessWritesTheInvitation(t *testing.T) {
	r := newShared(t, 3)
	for _, n := range []int{2, 3} {
		if err := r.join(t, n).Leave(false); err != nil {
			t.Fatal(err)
		}
	}
	found, err := r.first.canary.Search(r.home.Dir, r.first.Dir)
	if err != nil || len(found) > 0 {
		t.Errorf("found in %v, %v", found, err)
	}
	if said := slices.Clone(r.said); strings.Contains(strings.Join(said, "\n"), string(r.first.canary.SecretData()["token"])) {
		t.Errorf("said: %v", said)
	}
}

func FuzzInvitation(f *testing.F) {
	f.Add([]byte(`{"run":"r","dir":"/out/r","image":"i","canary":{"tls.key":"YQ==","token":"YQ==","password":"YQ=="}}`))
	whole, err := json.Marshal(invitation{Run: "r", Dir: "/out/r", Image: "i", Canary: canary.New().SecretData()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"run":"r","dir":"out","image":"i"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		in, secret, err := parseInvitation(text)
		if err == nil && (in.Run == "" || !filepath.IsAbs(in.Dir) || in.Image == "" || len(secret.SecretData()["password"]) == 0) {
			t.Errorf("took %q", text)
		}
		if err != nil && err.Error() != errNotInvited.Error() {
			t.Errorf("the error repeats what may be secret: %v", err)
		}
	})
}
