package nodeprogram

import (
	"bytes"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
)

// dir is where the program lies while it is needed: not below /run, where nothing can be executed, and not where a time limit
// has it, which comes and goes on its own. No state of a node holds what is below /var/lib/nov30.
const dir = "/var/lib/nov30/program"

// Path is the program in a node.
const Path = dir + "/nov30-node"

// With copies the program into every node of c, does what it is needed for, and removes it: whatever is under test finds
// nothing of it.
func (p Program) With(ctx context.Context, c node.Cluster, do func() error) error {
	err := each(ctx, c, p.install)
	if err == nil {
		err = do()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	return errors.Join(err, each(ctx, c, remove))
}

// removeWithin limits the removal, which takes no time: a node that hangs must not hold whoever waits for all of them.
const removeWithin = 30 * time.Second

func each(ctx context.Context, c node.Cluster, do func(context.Context, node.Node) error) error {
	var group errgroup.Group
	for _, n := range c.Nodes() {
		group.Go(func() error { return do(ctx, n) })
	}
	return group.Wait()
}

const installScript = `set -eu
umask 077
dir=$1 path=$2 sum=$3
mkdir -p -- "$dir"
cat >"$path"
got=$(openssl dgst -sha256 -r <"$path")
[ "${got%% *}" = "$sum" ] || { echo "the program that arrived is not the one that was sent" >&2; exit 1; }
chmod -- 0700 "$path"`

func (p Program) install(ctx context.Context, n node.Node) error {
	_, err := nodeop.Script(ctx, n, bytes.NewReader(p.Content), "install nov30-node", installScript, dir, Path, p.SHA256)
	return err
}

func remove(ctx context.Context, n node.Node) error {
	_, err := nodeop.Script(ctx, n, nil, "remove nov30-node", `set -eu
rm -rf -- "$1"
rmdir -- "${1%/*}" 2>/dev/null || [ -d "${1%/*}" ] || [ ! -e "${1%/*}" ]`, dir)
	return err
}
