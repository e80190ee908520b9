package experiment

import (
	"testing"
	"time"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/slo"
)

func TestAnArmsIncompleteRevertIsExit4(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		s := &Session{Dir: t.TempDir(), release: func() {}, err: &journal.IncompleteError{Journal: "j"}}
		s.results.Verdicts = verdicts(slo.Inconclusive)
		if code, err := s.Finish(interrupted); err != nil || code != slo.ExitRevertIncomplete {
			t.Errorf("interrupted %v: code %d, %v", interrupted, code, err)
		}
	}
}

func TestCheckFindsASpecThatNoVerdictComesFrom(t *testing.T) {
	for name, spoil := range map[string]func(*Scenario){
		"no effect":              func(s *Scenario) { s.Expect.Kind, s.Red = "", nil },
		"an unknown metric":      func(s *Scenario) { s.SLO[0].Metric = "detekt" },
		"a bound of nothing":     func(s *Scenario) { s.SLO[0].Max = 0 },
		"two bounds":             func(s *Scenario) { s.SLO = append(s.SLO, s.SLO[0]) },
		"a soak below nothing":   func(s *Scenario) { s.Soak = -time.Second },
		"healing without a time": func(s *Scenario) { s.Expect.Kind = slo.ExpectHeals },
	} {
		s := goodScenario()
		spoil(&s)
		if s.Check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}
