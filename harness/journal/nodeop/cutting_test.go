package nodeop_test

import (
	"context"
	"io"

	"github.com/nov30/nov30/harness/cluster"
)

// cutting is a node whose connection breaks while standard input is on its way; a shell there sees its end.
type cutting struct{ cluster.Node }

func (c *cutting) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	if stdin != nil {
		stdin = io.LimitReader(stdin, 3)
	}
	return c.Node.Exec(ctx, stdin, argv...)
}
