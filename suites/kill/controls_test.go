package kill

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/tool"
)

// killedAt runs a victim up to a step, kills it, and waits until its guardian has ended too.
func killedAt(t *testing.T, o options) *ground {
	t.Helper()
	g, x := pausedAt(t, o)
	if err := x.kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.ended(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g
}

func pausedAt(t *testing.T, o options) (*ground, *run) {
	t.Helper()
	g, err := newGround(t, filepath.Join(t.TempDir(), "run"), healthy(t))
	if err != nil {
		t.Fatal(err)
	}
	x, err := startVictim(g.home, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if err := x.kill(); err != nil {
			t.Error(err)
		}
		for _, role := range []string{guardianRole, idleRole, hastyRole} {
			if err := g.killRole(role); err != nil {
				t.Error(err)
			}
		}
		if err := g.end(ctx, x.cmd.Process.Pid); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	if o.pause != "" {
		if err := x.until(ctx, o.pause); err != nil {
			t.Fatal(err)
		}
	}
	return g, x
}

// assertLeft compares what is left with what must be among it; with nothing, nothing may be left.
func assertLeft(t *testing.T, g *ground, want ...string) {
	t.Helper()
	got := g.left(t.Context())
	for _, w := range want {
		found := false
		for _, l := range got {
			found = found || strings.Contains(l, w)
		}
		if !found {
			t.Errorf("the assertions of the kill test did not find %q", w)
		}
	}
	if len(want) == 0 && len(got) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(got, "\n"))
	}
}

func TestAtEachStepTheGuardianUndoesEverything(t *testing.T) {
	for _, step := range []string{"begun", "guarded", "private", "tool", "journal", "stopped", "started", "held", "undone", "sealed"} {
		t.Run(step, func(t *testing.T) { assertLeft(t, killedAt(t, options{pause: step})) })
	}
}

// What the assertions say of a run that nobody undid must name every kind of thing that it did.
func TestWithAGuardianThatDoesNothingTheAssertionsFail(t *testing.T) {
	t.Run("held", func(t *testing.T) {
		g := killedAt(t, options{guardian: idleRole, pause: "held"})
		root := func(i int, path string) string { return g.c.Machines()[i].Host(path) }
		assertLeft(t, g, "preimage lost: "+root(0, etcdPKI+"server.crt"), "preimage lost: "+root(0, etcdPKI+"peer.crt"),
			"preimage lost: "+root(0, etcdPKI+"healthcheck-client.crt"), "preimage lost: "+root(1, kubeletEnv),
			"left behind: "+root(0, planted), "journal left: run-0", "private directory left", "sleep 1000")
		undoByHand(t, g)
	})
	t.Run("stopped", func(t *testing.T) {
		g := killedAt(t, options{guardian: idleRole, pause: "stopped"})
		assertLeft(t, g, "node not running: "+g.c.Machines()[1].Name())
		undoByHand(t, g)
	})
}

// undoByHand ends an experiment without a guardian, as a person would.
func undoByHand(t *testing.T, g *ground) {
	t.Helper()
	if _, err := tool.KillStrays(g.context()); err != nil {
		t.Error(err)
	}
	if err := (sweep{home: g.home, say: func(string) {}}).run(t.Context()); err != nil {
		t.Error(err)
	}
	assertLeft(t, g, "private directory left")
}

// A fault that journals after its change loses the preimage when it is killed in between; no guardian can help.
func TestAnInverseThatIsWrittenTooLateIsFoundAsALostPreimage(t *testing.T) {
	g := killedAt(t, options{faults: "late", pause: "changed"})
	assertLeft(t, g, "preimage lost: "+g.c.Machines()[1].Host(kubeletEnv))
}

// A command goes on in its node when the harness that gave it is dead. Here it begins to write only after the guardian has
// come: one that does not wait for it verifies the preimage, seals the journal, and loses it.
func TestACommandThatOutlivesTheHarnessIsWaitedFor(t *testing.T) {
	for role, want := range map[string][]string{guardianRole: nil, hastyRole: {"preimage lost: "}} {
		t.Run(role, func(t *testing.T) {
			g, x := pausedAt(t, options{guardian: role, faults: "slow"})
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := x.until(ctx, "appended"); err != nil {
				t.Fatal(err)
			}
			worker := g.c.Machines()[1]
			eventually(t, func(context.Context) error { _, err := os.Stat(worker.Host(flyingFile)); return err })
			if err := x.kill(); err != nil {
				t.Fatal(err)
			}
			step := "guardian: settling"
			if role == hastyRole {
				step = "guardian: everything is undone"
			}
			if err := x.until(ctx, step); err != nil {
				t.Fatal(err)
			}
			worker.Put(goFile, nil, 0o600)
			if _, err := x.ended(ctx); err != nil {
				t.Fatal(err)
			}
			if err := g.c.Settle(ctx); err != nil {
				t.Fatal(err)
			}
			assertLeft(t, g, want...)
		})
	}
}

func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	if err := await.Until(t.Context(), clockwork.NewRealClock(), time.Millisecond, limit, check); err != nil {
		t.Fatal(err)
	}
}
