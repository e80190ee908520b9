package heal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/judge"
	"github.com/nov30/nov30/cmd/medic/internal/look"
)

const (
	verifyEvery  = 500 * time.Millisecond
	surelyRounds = 3 // of nothing but invalid certificates: waiting mends none
)

// verify looks at everything again until nothing speaks against the cluster's health.
func (r *run) verify(act context.Context) error {
	if r.stop.Err() != nil {
		return r.interrupted()
	}
	j := judge.New(r.h.Clock)
	begun, same := r.h.Clock.Now(), 0
	var last judge.Verdict
	err := r.until(act, r.h.VerifyWithin, verifyEvery, func(context.Context) error {
		s := r.h.Look.Round(act, look.Patience)
		last = j.Round(s)
		err := unhealthy(s, last)
		if err == nil {
			err = r.podsRun(act)
		}
		if onlyCertificates(last) {
			same++
		} else {
			same = 0
		}
		if err != nil && same >= surelyRounds {
			return &finalError{err}
		}
		return err
	})
	if errors.Is(err, ErrInterrupted) {
		return r.interrupted()
	}
	if err != nil {
		r.say("verify  FAILED after %s", r.since(begun))
		return &StepError{Step: "verification", Err: err, ByHand: hints(last)}
	}
	r.say("verify  ok in %s: every certificate, port, lease, static pod and /readyz, each looked at anew", r.since(begun))
	return nil
}

// unhealthy says what speaks against the cluster's health. What could not be looked at does, and so does a port that does
// not answer.
func unhealthy(s look.Snapshot, v judge.Verdict) error {
	if !s.Complete() {
		return errors.New("not everything could be looked at in time")
	}
	var against []string
	for _, f := range append(append([]finding.Finding(nil), v.Findings...), v.Doubts...) {
		if f.Severity == finding.Critical || f.Kind == finding.Unreachable {
			against = append(against, fmt.Sprintf("%s %s %s: %s", f.Kind, f.Culprit, f.Node, f.Evidence))
		}
	}
	against = append(against, v.Blind...)
	if len(against) == 0 && s.API.Value.Code != http.StatusOK {
		against = append(against, fmt.Sprintf("/readyz answers %d", s.API.Value.Code))
	}
	if len(against) == 0 {
		return nil
	}
	return errors.New(strings.Join(against, "\n  "))
}

// podsRun checks that every static pod has a process: a control plane may answer without its scheduler.
func (r *run) podsRun(act context.Context) error {
	return r.each(func(n *nodeRun) error {
		if err := r.nodeFacts(act, n); err != nil {
			return err
		}
		if len(n.down) > 0 {
			return fmt.Errorf("%s: not running: %s", n.node.Name, strings.Join(n.down, ", "))
		}
		return nil
	})
}

func onlyCertificates(v judge.Verdict) bool {
	critical := v.Critical()
	for _, f := range critical {
		if !f.Kind.Invalid() {
			return false
		}
	}
	return len(critical) > 0
}

func hints(v judge.Verdict) string {
	var out []string
	for _, f := range v.Critical() {
		if h := byHand(f); !strings.Contains(strings.Join(out, "\n"), h) {
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		return "run medic diagnose to see what is still wrong"
	}
	return strings.Join(out, "\n         ")
}
