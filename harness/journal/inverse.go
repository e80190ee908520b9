package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"

	"github.com/nov30/nov30/harness/journal/nodeop"
)

// Restore is the inverse of changing a file whose state before was f and whose content will be written.
func Restore(node string, f nodeop.File, written []byte) Inverse {
	return Inverse{Op: RestoreFile, Node: node, Path: f.Path, Absent: f.Absent, Preimage: f.Content, Mode: f.Mode, UID: f.UID, GID: f.GID,
		Written: contentSum(written)}
}

func contentSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (i Inverse) file() nodeop.File {
	return nodeop.File{Path: i.Path, Absent: i.Absent, Content: i.Preimage, Mode: i.Mode, UID: i.UID, GID: i.GID}
}

// String names the inverse without its preimage, which may hold keys; it serves %v and %+v too.
func (i Inverse) String() string {
	if i.Unit != "" {
		return fmt.Sprintf("%s %s:%s", i.Op, i.Node, i.Unit)
	}
	if i.Path == "" {
		return fmt.Sprintf("%s %s", i.Op, i.Node)
	}
	return fmt.Sprintf("%s %s:%s", i.Op, i.Node, i.file())
}

// GoString keeps %#v from printing the preimage.
func (i Inverse) GoString() string { return i.String() }

// LogValue keeps slog from printing the preimage.
func (i Inverse) LogValue() slog.Value { return slog.StringValue(i.String()) }

// target is what an inverse restores: of two inverses with the same target the older one leaves the older state.
type target struct {
	op               Op
	node, path, unit string
}

func (i Inverse) target() target { return target{i.Op, i.Node, i.Path, i.Unit} }

func (i Inverse) check() error {
	op, err := lookup(i.Op)
	if err != nil {
		return err
	}
	if i.Node == "" {
		return fmt.Errorf("inverse %s names no node", i.Op)
	}
	if err := op.check(i); err != nil {
		return fmt.Errorf("inverse %s on %s: %w", i.Op, i.Node, err)
	}
	return nil
}
