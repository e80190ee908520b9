package kill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/tool"
)

// manner is who is killed.
type manner string

const (
	harness        manner = "harness"                   // the guardian undoes
	both           manner = "harness and guardian"      // a sweep undoes
	guardianAlone  manner = "guardian"                  // the harness notices and undoes
	whileReverting manner = "harness, then its undoing" // a sweep goes on where the guardian stopped
)

// mannerOf makes every tenth kill one of both, and some the rarer ones.
func mannerOf(i int) manner {
	switch i % 10 {
	case 9:
		return both
	case 3:
		return guardianAlone
	case 6:
		return whileReverting
	}
	return harness
}

// strike kills, and returns when everything that undoes has ended.
func (k *kill) strike(ctx context.Context) error {
	switch k.manner {
	case guardianAlone:
		return k.strikeGuardian(ctx)
	case both:
		return k.strikeBoth(ctx)
	case whileReverting:
		return k.strikeUndoing(ctx)
	}
	if err := k.x.kill(); err != nil {
		return err
	}
	return k.wasKilled(ctx)
}

// wasKilled waits for all to end. A victim that ended by itself was not killed, and nothing is shown by what it left.
func (k *kill) wasKilled(ctx context.Context) error {
	code, err := k.x.ended(ctx)
	if err == nil && code != -1 {
		err = fmt.Errorf("the harness was not killed but ended with %d", code)
	}
	return err
}

// awaitGuardian lets the victim go on until there is a guardian to kill: in some runs one that is not ready yet.
func (k *kill) awaitGuardian(ctx context.Context) error {
	for {
		found, err := k.g.carrying(roleVariable + "=" + guardianRole)
		if err != nil || len(found) > 0 {
			return err
		}
		if _, ok, err := k.x.next(ctx); err != nil || !ok {
			return errors.Join(err, errors.New("it ended without a guardian"))
		}
	}
}

// strikeGuardian leaves the harness alive: it must notice, and end with everything undone.
func (k *kill) strikeGuardian(ctx context.Context) error {
	if err := k.g.killRole(guardianRole); err != nil {
		return err
	}
	code, err := k.x.ended(ctx)
	want := exitUnguarded
	if k.x.said("guarded") {
		want = exitNoticed
	}
	if err == nil && code != want {
		err = fmt.Errorf("without its guardian the harness ended with %d, want %d", code, want)
	}
	return err
}

func (k *kill) strikeBoth(ctx context.Context) error {
	guardian := func() error { return k.g.killRole(guardianRole) }
	first, second := k.x.kill, guardian
	if k.dice.IntN(2) == 0 {
		first, second = guardian, k.x.kill
	}
	if err := errors.Join(first(), second()); err != nil {
		return err
	}
	return k.sweep(ctx)
}

// strikeUndoing kills the guardian in the middle of what it does about its dead harness.
func (k *kill) strikeUndoing(ctx context.Context) error {
	if err := k.x.kill(); err != nil {
		return err
	}
	for ok := true; ok && k.x.last() != "guardian: the harness is gone without an end; undoing what it did"; {
		var err error
		if _, ok, err = k.x.next(ctx); err != nil {
			return err
		}
	}
	if err := k.x.skip(ctx, k.dice.IntN(8)); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(k.dice.Int64N(int64(moment)))); err != nil {
		return err
	}
	return k.sweep(ctx)
}

// sweep kills what guardian there still is and then does what it would have done.
func (k *kill) sweep(ctx context.Context) error {
	err := await.Until(ctx, k.clock, 20*time.Millisecond, limit, func(ctx context.Context) error {
		if err := k.g.killRole(guardianRole); err != nil { // the victim may have been about to start it
			return err
		}
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		return k.wasKilled(short)
	})
	if err != nil {
		return err
	}
	s := sweep{home: k.g.home, say: func(s string) { k.x.steps = append(k.x.steps, "sweep: "+s) }}
	if err := await.Until(ctx, k.clock, 10*time.Millisecond, limit, s.run); err != nil {
		return err
	}
	_, err = tool.KillStrays(k.g.context())
	return errors.Join(err, os.RemoveAll(k.g.private()))
}

// unguardedChangedNothing: without the word that the guardian is ready no file was even written again.
func (k *kill) unguardedChangedNothing(before map[string]string) error {
	if k.x.said("guarded") {
		return nil
	}
	after, err := k.g.snapshot(true)
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) {
		return fmt.Errorf("there was no guardian yet: %q", slices.Sorted(slices.Values(differences(before, after))))
	}
	return nil
}

// end leaves no process: of a run that failed, any may be there.
func (k *kill) end(failed bool) error {
	if !failed {
		return k.g.end(context.Background(), k.x.cmd.Process.Pid)
	}
	errs := []error{k.x.kill(), k.g.killRole(guardianRole), k.g.killRole(victimRole)}
	_, err := tool.KillStrays(k.g.context())
	return errors.Join(append(errs, err, k.g.end(context.Background(), k.x.cmd.Process.Pid))...)
}
