package ttl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// appendWithin limits one Append to a node's journal; it takes a tenth of a second.
const appendWithin = 10 * time.Second

// ErrNoReceipt is a node that does not prove to have an inverse on its disk.
var ErrNoReceipt = errors.New("the node gave no receipt for the inverse")

// Journal is a journal whose Append puts an inverse into j first and then, if it can be applied inside its node, into the
// node's own journal. An error of either is Append's, so that the fault does not make the change. Once the limit has fired
// every such Append fails.
func (l *Limit) Journal(j journal.Journal) journal.Journal { return both{host: j, limit: l} }

type both struct {
	host  journal.Journal
	limit *Limit
}

// Append implements journal.Journal.
func (b both) Append(i journal.Inverse) error {
	if err := b.host.Append(i); err != nil {
		return err
	}
	if i.Op == journal.StartNode {
		return nil // a node that is off cannot power itself on; all else can be done inside
	}
	n, err := node.Find(b.limit.cluster, i.Node)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), appendWithin) // a Journal's Append has no context
	defer cancel()
	if err := b.limit.append(ctx, n, i); err != nil {
		return fmt.Errorf("the journal inside node %s: %w", i.Node, err)
	}
	return nil
}

// append has the node's program put an inverse into the node's journal, and holds it to its receipt.
func (l *Limit) append(ctx context.Context, n node.Node, i journal.Inverse) error {
	request, err := json.Marshal(unit.Request{Meta: l.meta, Inverse: i})
	if err != nil {
		return err
	}
	out, err := n.Exec(ctx, bytes.NewReader(request), unit.Program, "ttl-append", "--node="+n.Name())
	if err != nil {
		return err
	}
	var got unit.Receipt
	if err := json.Unmarshal(out, &got); err != nil {
		return fmt.Errorf("%w: %w", ErrNoReceipt, err)
	}
	if got != unit.NewReceipt(request) {
		return fmt.Errorf("%w: it is one for something else", ErrNoReceipt)
	}
	return nil
}
