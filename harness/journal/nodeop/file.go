// Package nodeop reads, changes and verifies one node without the Kubernetes API: what faults and their inverses are
// made of. In the node it needs a shell and coreutils, for AwaitBoot also systemd.
package nodeop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/nov30/nov30/harness/node"
)

// File is the whole state of one regular file in a node, or its absence.
type File struct {
	Path     string // absolute
	Absent   bool   // there is no such file; the fields below are empty
	Content  []byte // may be a private key: String leaves it out
	Mode     fs.FileMode
	UID, GID int
}

// String describes the file without its content, for %v and for %+v.
func (f File) String() string {
	if f.Absent {
		return f.Path + " (absent)"
	}
	return fmt.Sprintf("%s (%04o %d:%d, %d bytes)", f.Path, f.Mode, f.UID, f.GID, len(f.Content))
}

// GoString keeps %#v from printing the content.
func (f File) GoString() string { return f.String() }

// ErrDiffers is a file that is not as it should be.
var ErrDiffers = errors.New("is not as it should be")

// Check says whether the file can be written and restored: an absolute, clean path and plain permission bits.
func (f File) Check() error {
	if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" || bytes.ContainsRune([]byte(f.Path), 0) {
		return fmt.Errorf("path %q is not the absolute, clean path of a file", f.Path)
	}
	if f.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("%s: mode %v has more than permission bits, which cannot be restored", f.Path, f.Mode)
	}
	if f.UID < 0 || f.GID < 0 {
		return fmt.Errorf("%s: owner %d:%d is not a user and group id", f.Path, f.UID, f.GID)
	}
	return nil
}

// Read takes a file's state. Content that was cut on its way, or that changed meanwhile, is an error, because a cut
// preimage would be restored as cut. What is no regular file is an error.
func Read(ctx context.Context, n node.Node, name string) (File, error) {
	if err := (File{Path: name}).Check(); err != nil {
		return File{}, err
	}
	st, err := stat(ctx, n, name)
	if err != nil || st.absent {
		return File{Path: name, Absent: st.absent}, err
	}
	content, err := n.Exec(ctx, nil, "cat", "--", name)
	if err != nil {
		return File{}, WithoutOutput(err)
	}
	if sum(content) != st.sha256 {
		return File{}, fmt.Errorf("%s: %s changed or was cut while it was read (%d bytes came)", n.Name(), name, len(content))
	}
	return File{Path: name, Content: content, Mode: st.mode, UID: st.uid, GID: st.gid}, nil
}

// Write makes the node's file so, atomically: beside it, then renamed, so that nobody ever reads half of it. An Absent
// file is removed. The content goes through standard input, because arguments can be seen in ps. Write believes the
// node; call Verify after it.
func Write(ctx context.Context, n node.Node, f File) error {
	if err := f.Check(); err != nil {
		return err
	}
	if f.Absent {
		_, err := n.Exec(ctx, nil, "rm", "-f", "--", f.Path, beside(f.Path))
		return err
	}
	_, err := Script(ctx, n, bytes.NewReader(f.Content), "write a file", writeScript, f.Path, beside(f.Path), path.Dir(f.Path),
		sum(f.Content), strconv.FormatUint(uint64(f.Mode.Perm()), 8), fmt.Sprintf("%d:%d", f.UID, f.GID))
	return err
}

// beside is the file that Write fills before the rename. It begins with a dot, because kubelet reads every other file
// among its manifests.
func beside(name string) string {
	dir, base := path.Split(name)
	return dir + "." + base + ".nov30"
}

// Clean removes what a Write of that file left beside it when it was killed.
func Clean(ctx context.Context, n node.Node, name string) error {
	if err := (File{Path: name}).Check(); err != nil {
		return err
	}
	_, err := n.Exec(ctx, nil, "rm", "-f", "--", beside(name))
	return err
}

// writeScript takes: path, temporary file beside it, directory, sha256, mode, owner. The sum is compared in the node
// before the rename, because a broken connection looks like the end of standard input.
const writeScript = `set -eu
path=$1 beside=$2 dir=$3 sum=$4 mode=$5 owner=$6
mkdir -p -- "$dir"
umask 077
rm -f -- "$beside"
trap 'rm -f -- "$beside"' EXIT
cat >"$beside"
got=$(sha256sum <"$beside")
[ "${got%% *}" = "$sum" ] || { echo "the content that arrived is not the content that was sent" >&2; exit 1; }
chown -- "$owner" "$beside"
chmod -- "$mode" "$beside"
sync -- "$beside"
mv -fT -- "$beside" "$path"`

// Verify reads the node's file again and compares content, mode and owner. A difference is ErrDiffers and says which,
// without content.
func Verify(ctx context.Context, n node.Node, f File) error {
	st, err := stat(ctx, n, f.Path)
	if err != nil {
		return err
	}
	differs := func(what string, got, want any) error {
		return fmt.Errorf("%s: %s %w: its %s is %v, not %v", n.Name(), f.Path, ErrDiffers, what, got, want)
	}
	switch {
	case st.absent != f.Absent:
		return differs("absence", st.absent, f.Absent)
	case f.Absent:
		return nil
	case st.sha256 != sum(f.Content):
		return differs("content (sha256)", st.sha256, sum(f.Content))
	case st.mode != f.Mode.Perm():
		return differs("mode", fmt.Sprintf("%04o", st.mode), fmt.Sprintf("%04o", f.Mode.Perm()))
	case st.uid != f.UID || st.gid != f.GID:
		return differs("owner", fmt.Sprintf("%d:%d", st.uid, st.gid), fmt.Sprintf("%d:%d", f.UID, f.GID))
	}
	return nil
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// WithoutOutput strips what a failed command printed from its error, for commands that print what must not reach a log,
// such as half a private key.
func WithoutOutput(err error) error {
	var failed *node.ExecError
	if !errors.As(err, &failed) {
		return err
	}
	return &node.ExecError{Node: failed.Node, Argv: failed.Argv, Stderr: failed.Stderr, Err: failed.Err}
}
