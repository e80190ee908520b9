package chaos

import (
	"context"
	"os"
	"path/filepath"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/state"
	"github.com/nov30/nov30/suites/programs"
)

// options reads what make passes on; without make the defaults are those of nov30 run.
func (p *process) options(ctx context.Context, built programs.Set) (experiment.Options, error) {
	out, err := filepath.Abs("../../out") // what is printed must be right in any directory
	if err != nil {
		return experiment.Options{}, err
	}
	env := os.Getenv
	if p.out, err = live(env); err != nil {
		return experiment.Options{}, err
	}
	o := experiment.Options{Clock: clockwork.NewRealClock(), Out: out, Offline: env("NOV30_OFFLINE") == "1",
		Guardian: built.Guardian(), NodeProgram: built.Node, Order: catalogue(), Progress: p.progress}
	if o.Choices, err = experiment.Choose(env("NOV30_TOOL"), env("NOV30_ARMS"), env("NOV30_KEEP"), env("NOV30_KUBERNETES"), env("NOV30_CLEAN"), env("NOV30_CLUSTERS"), built.Dir); err != nil {
		return o, err
	}
	dir, err := state.Dir(env)
	if err != nil {
		return o, err
	}
	o.Home, o.Exposed = experiment.Home{Dir: dir}, env("NOV30_TOOL_EXPOSED") == "1"
	if o.Cache, err = state.CacheDir(env); err != nil {
		return o, err
	}
	o.Engine, err = engine.Find(ctx, env)
	return o, err
}
