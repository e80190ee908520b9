package snapshot

import (
	"fmt"
	"slices"
	"strings"
)

// unit is one loaded unit of systemd, in its own words.
type unit struct {
	name, load, active, file string
}

// parseUnits reads what systemctl show prints: a block of PROPERTY=VALUE lines for each unit.
func parseUnits(text string) ([]unit, error) {
	var units []unit
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var u unit
		for line := range strings.SplitSeq(block, "\n") {
			property, value, _ := strings.Cut(line, "=")
			switch property {
			case "Id":
				u.name = value
			case "LoadState":
				u.load = value
			case "ActiveState":
				u.active = value
			case "UnitFileState":
				u.file = value
			}
		}
		if u.name == "" || u.load == "" || u.active == "" {
			return nil, fmt.Errorf("systemctl told no name and state of a unit: %.80q", block)
		}
		units = append(units, u)
	}
	return units, nil
}

// core are the units that a node cannot do without, taken whatever their state is.
var core = []string{"kubelet.service", "containerd.service", "systemd-resolved.service"}

// counts says whether a unit is taken: a core one, one that failed, and one that runs because somebody enabled it, made
// it without a file (systemd-run), or masked its file meanwhile. Others come and go as they are needed, and systemd
// forgets at any time those that do not run; what stops being enabled or is masked shows by its link in /etc, too.
func counts(u unit) bool {
	switch {
	case strings.HasPrefix(u.name, "nov30-ttl"):
		return false // nov30's own time limit
	case slices.Contains(core, u.name):
		return true
	case u.active == "inactive":
		return false
	case u.active == "failed", strings.HasPrefix(u.name, "nov30-"):
		return true
	}
	return slices.ContainsFunc([]string{"enabled", "linked", "transient", "masked", "bad"}, func(state string) bool {
		return strings.HasPrefix(u.file, state)
	})
}

func (u unit) item() item {
	return item{doc: document{"load": {text: u.load}, "active": {text: u.active}, "file": {text: u.file}}}
}
