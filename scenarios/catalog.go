// Package scenarios is the catalogue: one file for each cause, one literal in it for each scenario.
package scenarios

import "github.com/nov30/nov30/harness/experiment"

// All lists every scenario.
func All() []experiment.Scenario {
	return []experiment.Scenario{
		etcdCertsExpired,
		etcdCertsExpiredLatent,
		etcdCertsExpiredRebooted,
		etcdCertsEndTomorrow,
		etcdCAResigned,
		apiSlow,
		apiServerGone,
	}
}
