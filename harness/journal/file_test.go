package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func validMeta() Meta {
	return Meta{Version: Version, Run: "20191130-a1", Scenario: "etcd-certs-expired", Arm: "treated", Cluster: "nov30-test",
		CASHA256: strings.Repeat("0a", 32), APIServer: "https://127.0.0.1:6443", Created: time.Date(2019, 11, 30, 10, 0, 0, 0, time.UTC)}
}

func create(t *testing.T) *File {
	t.Helper()
	f, err := Create(filepath.Join(t.TempDir(), "state", "journal"), validMeta())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func fileInverse(path string) Inverse {
	return Inverse{Op: RestoreFile, Node: "n", Path: path, Preimage: []byte("canary-secret"), Mode: 0o600}
}

func TestAnotherProcessFindsWhatWasAppended(t *testing.T) {
	f := create(t)
	want := []Inverse{fileInverse("/b"), fileInverse("/a")} // newest first
	if err := errors.Join(f.Append(want[1]), f.Append(want[0])); err != nil {
		t.Fatal(err)
	}
	listed, err := List(filepath.Dir(f.Path()))
	if err != nil || len(listed) != 1 || listed[0].Path != f.Path() || listed[0].Meta != validMeta() || listed[0].Pending != 2 {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	if !listed[0].InUse {
		t.Error("a journal that is held is not listed as in use")
	}
	if _, err := Open(f.Path()); !errors.Is(err, ErrInUse) {
		t.Fatalf("opened while it is held: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if listed, err = List(filepath.Dir(f.Path())); err != nil || listed[0].InUse {
		t.Errorf("a journal that nobody holds is listed as in use: %v", err)
	}
	again, err := Open(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Pending(); !reflect.DeepEqual(got, want) || again.Meta() != validMeta() {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAJournalIsPrivate(t *testing.T) {
	f := create(t)
	for path, want := range map[string]fs.FileMode{f.Path(): 0o600, filepath.Dir(f.Path()): 0o700} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %04o", path, st.Mode(), err, want)
		}
	}
	names, err := os.ReadDir(filepath.Dir(f.Path()))
	if err != nil || len(names) != 1 {
		t.Errorf("%d files, %v; want the journal alone", len(names), err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(open, validMeta()); err == nil {
		t.Error("a directory open to others was taken")
	}
	if st, _ := os.Stat(open); st.Mode().Perm() != 0o755 {
		t.Error("a directory that may be someone else's was changed")
	}
}

func TestCreateNeverTakesTheFileOfAnOlderJournal(t *testing.T) {
	f := create(t)
	if err := f.Append(fileInverse("/a")); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Dir(f.Path()), validMeta()); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v, want %v", err, fs.ErrExist)
	}
	if listed, err := List(filepath.Dir(f.Path())); err != nil || len(listed) != 1 || listed[0].Pending != 1 {
		t.Errorf("the older journal is %+v, %v", listed, err)
	}
}

func TestAJournalIsFoundWithEitherCopyOfItsHeaderDamaged(t *testing.T) {
	f := create(t)
	if err := errors.Join(f.Append(fileInverse("/a")), f.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{5, bytes.IndexByte(whole, '\n') + 5} {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		if err := os.WriteFile(f.Path(), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Open(f.Path())
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		if again.Meta() != validMeta() || len(again.Pending()) != 1 || len(again.lost()) > 0 {
			t.Errorf("byte %d: %+v, lost %v", at, again.Meta(), again.lost())
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhoWaitedForASealedJournalGetsNone(t *testing.T) {
	f := create(t)
	waiting, err := os.Open(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	if err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	next, err := Create(filepath.Dir(f.Path()), validMeta()) // another journal of the same name
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := lockCurrent(waiting, f.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestCreateRefusesAHeaderThatWouldNotFindTheCluster(t *testing.T) {
	for name, spoil := range map[string]func(*Meta){
		"no run": func(m *Meta) { m.Run = "" }, "no cluster": func(m *Meta) { m.Cluster = "" },
		"no address": func(m *Meta) { m.APIServer = "" }, "no time": func(m *Meta) { m.Created = time.Time{} },
		"no CA": func(m *Meta) { m.CASHA256 = "" }, "half a CA": func(m *Meta) { m.CASHA256 = "abcd" },
		"a path": func(m *Meta) { m.Scenario = "../../etc" }, "a dot": func(m *Meta) { m.Arm = "." },
	} {
		m := validMeta()
		spoil(&m)
		if f, err := Create(filepath.Join(t.TempDir(), "j"), m); err == nil {
			t.Errorf("%s: created %s", name, f.Path())
		}
	}
}

func TestAppendRefusesWhatCouldNotBeApplied(t *testing.T) {
	f := create(t)
	for _, inv := range []Inverse{{}, {Op: "rm -rf", Node: "n"}, {Op: StartNode}, {Op: StartNode, Node: "n", Path: "/a"},
		{Op: RestoreFile, Node: "n"}, {Op: RestoreFile, Node: "n", Path: "a"}, {Op: RestoreFile, Node: "n", Path: "/a", Mode: fs.ModeSymlink}} {
		if err := f.Append(inv); err == nil {
			t.Errorf("%v was appended", inv)
		}
	}
	if got := f.Pending(); len(got) != 0 {
		t.Errorf("pending: %v", got)
	}
}

// faulty is a disk on which the write or the sync number fails (from 1) goes wrong.
type faulty struct {
	disk
	calls []string
	fails int
}

func (d *faulty) Write(p []byte) (int, error) {
	if d.calls = append(d.calls, "write"); len(d.calls) == d.fails {
		n, _ := d.disk.Write(p[:len(p)/2])
		return n, syscall.ENOSPC
	}
	return d.disk.Write(p)
}

func (d *faulty) Sync() error {
	if d.calls = append(d.calls, "sync"); len(d.calls) == d.fails {
		return syscall.EIO
	}
	return d.disk.Sync()
}

func TestAppendReturnsOnlyWhenTheInverseIsOnDisk(t *testing.T) {
	for fails, want := range map[int]error{1: syscall.ENOSPC, 2: syscall.EIO} {
		f := create(t)
		d := &faulty{disk: f.disk, fails: 2 + fails}
		f.disk = d
		if err := f.Append(fileInverse("/a")); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(d.calls) != "[write sync]" {
			t.Fatalf("Append did %v", d.calls)
		}
		if err := f.Append(fileInverse("/b")); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if err := f.Append(fileInverse("/c")); err == nil {
			t.Error("written on behind a failed write")
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := Open(f.Path())
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Pending(); got[len(got)-1].Path != "/a" || len(again.lost()) > 0 {
			t.Errorf("found %v, lost %v", got, again.lost())
		}
	}
}

func TestListSkipsWhatIsNoJournal(t *testing.T) {
	if listed, err := List(filepath.Join(t.TempDir(), "none")); err != nil || len(listed) != 0 {
		t.Errorf("no directory: %v, %v", listed, err)
	}
	f := create(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(f.Path()), ".begin-123"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if listed, err := List(filepath.Dir(f.Path())); err != nil || len(listed) != 1 {
		t.Errorf("listed %v, %v", listed, err)
	}
}

func TestAnInverseIsPrintedWithoutItsPreimage(t *testing.T) {
	inv := fileInverse("/etc/kubernetes/pki/ca.key")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, struct{ I Inverse }{inv}); strings.Contains(got, "canary") || strings.Contains(got, "99") {
			t.Errorf("%s prints the preimage: %s", verb, got)
		}
	}
	if got := inv.LogValue().String(); strings.Contains(got, "canary") || !strings.Contains(got, "ca.key") {
		t.Errorf("slog prints %s", got)
	}
}
