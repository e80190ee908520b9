// Package heal runs the runbook's steps R0, R3, R4 and R5 on a kubeadm cluster whose certificates have expired. Each step
// is a precondition, an action, and a check by a new connection; the first one that fails ends the run.
package heal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/target"
	"github.com/nov30/nov30/cmd/medic/internal/transport"
)

// How long is waited unless something else is asked for.
const (
	DefaultEtcdWithin   = 60 * time.Second // one start, with its data read and a leader elected
	DefaultReadyWithin  = 90 * time.Second
	DefaultVerifyWithin = 60 * time.Second // a kubelet needs up to about 20 s to renew its lease after an outage
)

// Healer repairs one cluster.
type Healer struct {
	Target        target.Target
	Transport     transport.Transport
	Look          *look.Looker
	API           *kubeapi.Client
	Dial          kubeapi.Dial
	Clock         clockwork.Clock
	Out           io.Writer     // the account of what is done, for people
	KubeadmConfig string        // path on the nodes for kubeadm's --config; empty: kind's own if the node has it, else none
	EtcdWithin    time.Duration // how long R4 waits for etcd; 0 means DefaultEtcdWithin
	ReadyWithin   time.Duration // how long R5 waits for the API; 0 means DefaultReadyWithin
	VerifyWithin  time.Duration // how long the last look waits for health; 0 means DefaultVerifyWithin
	DryRun        bool          // print the plan, change nothing
}

// StepError is a step that failed.
type StepError struct {
	Step   string // R3, verify, …
	Err    error  // what was observed
	ByHand string // what to do now
}

func (e *StepError) Error() string {
	s := fmt.Sprintf("%s failed: %v", e.Step, e.Err)
	if e.ByHand != "" {
		s += "\nby hand: " + e.ByHand
	}
	return s
}

func (e *StepError) Unwrap() error { return e.Err }

// ErrInterrupted is a run that a signal has stopped.
var ErrInterrupted = errors.New("interrupted")

// Heal repairs the cluster and returns nil only when it has verified that the cluster is healthy (with DryRun: when the
// plan is printed and could begin). An error is printed too. A cancelled ctx, as by a signal, stops it between two steps: an action is never cut off half-way.
func (h *Healer) Heal(ctx context.Context) error {
	err := h.heal(ctx)
	if err != nil {
		fmt.Fprintln(h.Out, err)
	}
	return err
}

func (h *Healer) heal(ctx context.Context) error {
	act, cancel, err := h.bounded(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	r := &run{h: h.withDefaults(), stop: ctx, begun: h.Clock.Now()}
	r.say("medic heal: cluster %s, %s", h.Target.Cluster, r.begun.UTC().Format(time.RFC3339))
	if err := r.examine(act); err != nil {
		return &StepError{Step: "examination", Err: err, ByHand: "see that commands can be run in every control-plane node, then start again"}
	}
	steps := r.plan()
	for _, s := range steps {
		r.say("plan    %-2s %s", s.id, s.title)
	}
	if h.DryRun {
		return r.rehearse(act, steps)
	}
	for _, s := range steps {
		if err := r.step(act, s); err != nil {
			return err
		}
	}
	if err := r.verify(act); err != nil {
		return err
	}
	r.say("healthy after %s%s", r.since(r.begun), ifNone(steps, ": nothing to do"))
	return nil
}

// rehearse checks the preconditions of the plan as far as they can be known before, and changes nothing.
func (r *run) rehearse(act context.Context, steps []step) error {
	for _, s := range steps {
		if s.pre == nil {
			continue
		}
		if err := s.pre(act); err != nil {
			return &StepError{Step: s.id + " (" + s.name + "), precondition", Err: err, ByHand: s.byHand}
		}
	}
	r.say("dry run: nothing was changed%s", ifNone(steps, ", and there is nothing to repair"))
	return nil
}

func (h *Healer) withDefaults() *Healer {
	out := *h
	for _, d := range []struct {
		set *time.Duration
		to  time.Duration
	}{{&out.EtcdWithin, DefaultEtcdWithin}, {&out.ReadyWithin, DefaultReadyWithin}, {&out.VerifyWithin, DefaultVerifyWithin}} {
		if *d.set == 0 {
			*d.set = d.to
		}
	}
	return &out
}

// bounded returns the context of the actions: it outlives a signal, but not the deadline of the context file.
func (h *Healer) bounded(ctx context.Context) (context.Context, context.CancelFunc, error) {
	act := context.WithoutCancel(ctx)
	if h.Target.Deadline.IsZero() {
		act, cancel := context.WithCancel(act)
		return act, cancel, nil
	}
	left := h.Target.Deadline.Sub(h.Clock.Now())
	if left <= 0 {
		return nil, nil, fmt.Errorf("the deadline of the context file, %s, has passed", h.Target.Deadline.Format(time.RFC3339))
	}
	act, cancel := context.WithTimeout(act, left)
	return act, cancel, nil
}

func ifNone(steps []step, s string) string {
	if len(steps) == 0 {
		return s
	}
	return ""
}
