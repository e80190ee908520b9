package scenarios

import (
	"testing"
)

func TestEveryScenarioIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if seen[s.Name] {
			t.Errorf("two scenarios are called %s", s.Name)
		}
		seen[s.Name] = true
	}
	if len(seen) == 0 {
		t.Fatal("the catalogue is empty")
	}
}
