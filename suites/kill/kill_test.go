package kill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sync/errgroup"
)

const (
	kills    = 100
	parallel = 4
	// restoredWithin bounds the 99th percentile from the kill to everything restored.
	restoredWithin = 5 * time.Second
	// A kill follows one of the first steps, of which a round has about thirty, by less than a moment: that reaches the middle
	// of every step. One kill of earlyIn comes within the first earlySteps.
	lastStep   = 75
	earlyIn    = 5
	earlySteps = 3
	moment     = 30 * time.Millisecond
)

func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		t.Fatalf("%s=%q is no positive number", variable, text)
	}
	return n
}

// NOV30_KILLS sets how often, NOV30_KILL_PARALLEL how many at once, NOV30_KILL_SEED repeats a run's choices.
func TestKilledAtAnyMomentNothingIsLeft(t *testing.T) {
	n, atOnce := int(number(t, "NOV30_KILLS", kills)), int(number(t, "NOV30_KILL_PARALLEL", parallel))
	seed := number(t, "NOV30_KILL_SEED", rand.Uint64())
	t.Logf("NOV30_KILL_SEED=%d", seed)
	files, dir, f := healthy(t), t.TempDir(), newFigures()
	clock := clockwork.NewRealClock()
	begun := clock.Now()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error {
			if ctx.Err() != nil {
				return nil // another one has failed
			}
			k := &kill{t: t, dir: filepath.Join(dir, fmt.Sprintf("%06d", i)), manner: mannerOf(i), dice: rand.New(rand.NewPCG(seed, uint64(i))), clock: clock}
			took, err := k.do(ctx, files)
			if err != nil {
				return fmt.Errorf("kill %d of seed %d (%s): %w\nsteps: %q", i, seed, k.manner, err, k.steps())
			}
			return f.add(k.manner, took, k.x.broke())
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if f.broke == 0 {
		t.Error("no kill came while anything was broken")
	}
	t.Logf("%d kills in %v, %d at once, %d while something was broken; nothing left behind:%s", n, clock.Since(begun).Round(100*time.Millisecond), atOnce, f.broke, f)
	if p99 := f.at(harness, 99); p99 > restoredWithin {
		t.Errorf("restored after %v at the 99th percentile, want %v", p99, restoredWithin)
	}
}

// kill is one run that is killed.
type kill struct {
	t      *testing.T
	dir    string
	manner manner
	dice   *rand.Rand
	clock  clockwork.Clock
	g      *ground
	x      *run
}

func (k *kill) steps() []string {
	if k.x == nil {
		return nil
	}
	return k.x.steps
}

// do gives the time from the kill to everything restored.
func (k *kill) do(ctx context.Context, files []prepared) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if k.g, err = newGround(k.t, k.dir, files); err != nil {
		return 0, err
	}
	inodes, err := k.g.snapshot(true)
	if err != nil {
		return 0, err
	}
	if k.x, err = startVictim(k.g.home, options{}); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, k.end(err != nil)) }()
	if err := k.wait(ctx); err != nil {
		return 0, err
	}
	killed := k.clock.Now()
	if err := k.strike(ctx); err != nil {
		return 0, err
	}
	took = k.clock.Since(killed)
	if left := k.g.left(ctx); len(left) > 0 {
		return took, fmt.Errorf("left behind: %q", left)
	}
	return took, k.unguardedChangedNothing(inodes)
}

// wait lets the victim come to a random moment.
func (k *kill) wait(ctx context.Context) error {
	most := lastStep
	if k.dice.IntN(earlyIn) == 0 {
		most = earlySteps
	}
	if err := k.x.skip(ctx, k.dice.IntN(most)); err != nil {
		return err
	}
	if k.manner == guardianAlone {
		if err := k.awaitGuardian(ctx); err != nil {
			return err
		}
	}
	return pause(ctx, time.Duration(k.dice.Int64N(int64(moment))))
}
