package tool

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/nov30/nov30/harness/slo"
)

// ErrStarted is the result of a second recovery: a tool has one.
var ErrStarted = errors.New("the recover command was started before")

// ErrStopped is the result of a recovery that Stop ended or forestalled.
var ErrStopped = errors.New("the tool was stopped")

// Recover runs the recover command to its end or its deadline; a time-out is an error. What it left running in its process
// group is killed when it ends.
func (x *Running) Recover(ctx context.Context) error {
	if err := x.claim(); err != nil {
		return err
	}
	defer x.recovery.Done()
	log, err := x.log("recover command", x.run.Recover)
	if err != nil {
		return err
	}
	p, err := x.launch(x.tool.Recover, log.write, log.write)
	log.started()
	x.emit(event(slo.RecoverStart, err))
	if err != nil {
		log.drain(x.run.Clock)
		return fmt.Errorf("start the recover command of %s: %w", x.tool, err)
	}
	err = x.await(ctx, p)
	log.drain(x.run.Clock)
	x.emit(event(slo.RecoverExit, err))
	return err
}

// claim takes the one recovery.
func (x *Running) claim() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	select {
	case <-x.stopping:
		return ErrStopped
	default:
	}
	if x.recovered {
		return ErrStarted
	}
	x.recovered = true
	x.recovery.Add(1)
	return nil
}

// await waits for the command, and ends it where it must not go on.
func (x *Running) await(ctx context.Context, p *process) error {
	limit := cmp.Or(x.tool.Deadlines.Recover.Duration, DefaultRecover)
	var err error
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("the recover command failed: %w", p.err)
		}
		return nil
	case <-x.run.Clock.After(limit):
		err = fmt.Errorf("the recover command did not end within %v", limit)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-x.stopping:
		err = ErrStopped
	}
	return errors.Join(err, p.stop(x.run.Clock))
}
