package ttl

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/nodeprogram"
	limit "github.com/nov30/nov30/harness/ttl/unit"
)

func TestArmInstallsTheProgramAndStartsATimerOnEveryNode(t *testing.T) {
	b := newBench(t)
	b.arm(t)
	for _, n := range b.Directories {
		for path, mode := range map[string]os.FileMode{limit.Base: 0o700 | os.ModeDir, limit.Dir: 0o700 | os.ModeDir, limit.Program: 0o700,
			limit.UnitDir + "/" + limit.TimerName: 0o644, limit.UnitDir + "/" + limit.ServiceName: 0o644} {
			if st, err := os.Stat(n.Host(path)); err != nil || st.Mode() != mode {
				t.Errorf("%s: %v, %v; want %v", path, st.Mode(), err, mode)
			}
		}
		if n.Content(limit.Program) != string(header(native())) || n.Content(limit.UnitDir+"/"+limit.TimerName) != limit.Timer(time.Minute) ||
			n.Content(limit.UnitDir+"/"+limit.ServiceName) != limit.Service(n.Name()) {
			t.Errorf("%s: what is installed is not what was sent", n.Name())
		}
		if left, _ := filepath.Glob(n.Host(limit.Dir) + "/*"); len(left) > 0 {
			t.Errorf("left %q", left)
		}
		s, err := ask(t.Context(), n)
		if err != nil || !s.Armed || s.FiresIn < 50*time.Second || s.FiresIn > time.Minute {
			t.Errorf("%s: %+v, %v", n.Name(), s, err)
		}
	}
}

func TestArmSendsTheProgramOnlyWhereItIsNot(t *testing.T) {
	b := newBench(t)
	b.master.Put(limit.Program, header(native()), 0o700)
	b.worker.Put(limit.Program, []byte("an older one"), 0o700)
	b.arm(t)
	for n, want := range map[*journaltest.Node]string{b.master: "no", b.worker: "yes"} {
		sent := slices.ContainsFunc(n.Calls, func(argv []string) bool { return argv[0] == "sh" && argv[len(argv)-1] == want && len(argv) == 11 })
		if !sent || n.Content(limit.Program) != string(header(native())) {
			t.Errorf("%s: want the program to follow: %s; calls %q", n.Name(), want, n.Calls)
		}
	}
}

func TestArmRefusesBeforeAnyNodeIsTouched(t *testing.T) {
	b := newBench(t)
	absent := filepath.Join(t.TempDir(), "absent")
	for what, try := range map[string]func() error{
		"no time":  func() error { _, err := Arm(t.Context(), b, b.program, b.meta(), 0, b.clock); return err },
		"negative": func() error { _, err := Arm(t.Context(), b, b.program, b.meta(), -time.Second, b.clock); return err },
		"too long": func() error { _, err := Arm(t.Context(), b, b.program, b.meta(), Max+1, b.clock); return err },
		"no file":  func() error { _, err := Arm(t.Context(), b, absent, b.meta(), Max, b.clock); return err },
		"a foreign": func() error {
			m := b.meta()
			m.Cluster = "other"
			_, err := Arm(t.Context(), b, b.program, m, Max, b.clock)
			return err
		},
	} {
		if err := try(); err == nil || len(b.master.Calls)+len(b.worker.Calls) > 0 {
			t.Errorf("%s: %v, calls %q", what, err, b.master.Calls)
		}
	}
}

func TestAProgramThatNoNodeCouldRunIsRefusedWithTheWayToBuildIt(t *testing.T) {
	dynamic := header(native())
	dynamic[32], dynamic[56] = 64, 1                                     // one program header right behind
	dynamic = append(dynamic, append([]byte{3}, make([]byte, 55)...)...) // PT_INTERP
	for what, content := range map[string][]byte{
		"a script":          []byte("#!/bin/sh\n"),
		"nothing":           nil,
		"another machine's": header(22), // S/390
		"a dynamic one":     dynamic,
	} {
		path := writeProgram(t, content)
		_, err := nodeprogram.Load(path)
		if !errors.Is(err, nodeprogram.ErrProgram) || !strings.Contains(err.Error(), "CGO_ENABLED=0 GOOS=linux") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := nodeprogram.Load(writeProgram(t, header(native()))); err != nil {
		t.Error(err)
	}
}

func TestArmTouchesNothingWhereALimitIsInPlace(t *testing.T) {
	b := newBench(t)
	l := b.arm(t)
	change(t, l.Journal(&journaltest.Journal{}), b.worker, "/f", "new")
	before := append(files(t, b.master), files(t, b.worker)...)
	if _, err := Arm(t.Context(), b, b.program, b.meta(), time.Hour, b.clock); !errors.Is(err, ErrInPlace) || !strings.Contains(err.Error(), "nov30 sweep") {
		t.Errorf("got %v", err)
	}
	if after := append(files(t, b.master), files(t, b.worker)...); !slices.Equal(before, after) {
		t.Errorf("before %q, after %q", before, after)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	s, err := ask(t.Context(), b.worker)
	if err != nil || s.FiresIn > time.Minute || s.Pending != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAnArmThatFailsOnOneNodeLeavesNoneArmed(t *testing.T) {
	for what, spoil := range map[string]func(*bench){
		"systemd refuses": func(b *bench) { b.systemd[b.worker.Name()].refuses["enable"] = errors.New("no bus") },
		"it is never asked to": func(b *bench) {
			b.worker.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
				if argv[0] == "systemctl" && argv[1] == "enable" {
					return nil, nil
				}
				return run()
			}
		},
		"the program came damaged": func(b *bench) {
			b.worker.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
				if len(argv) == 11 {
					argv[7] = strings.Repeat("0", 64) // the sum that was sent
				}
				return run()
			}
		},
		"it fires at another time": func(b *bench) {
			b.worker.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
				out, err := run()
				if argv[0] == "systemctl" && argv[1] == "enable" {
					b.systemd[b.worker.Name()].elapses = "9999999min"
				}
				return out, err
			}
		},
	} {
		b := newBench(t)
		spoil(b)
		if _, err := Arm(t.Context(), b, b.program, b.meta(), time.Minute, b.clock); err == nil || !strings.Contains(err.Error(), b.worker.Name()) {
			t.Errorf("%s: %v", what, err)
		}
		for _, n := range b.Directories {
			if left := files(t, n); len(left) > 0 || len(b.systemd[n.Name()].state) > 0 {
				t.Errorf("%s: %s keeps %q, units %v", what, n.Name(), left, b.systemd[n.Name()].state)
			}
		}
	}
}
