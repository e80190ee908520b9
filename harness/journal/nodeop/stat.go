package nodeop

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/nov30/nov30/harness/node"
)

type status struct {
	absent   bool
	mode     fs.FileMode
	uid, gid int
	sha256   string
}

// statScript prints "absent", or the raw mode in hex with the owner's ids, and then the sum of a regular file. A link
// that points nowhere is not absent: removing what it is not would not restore it.
const statScript = `set -eu
if [ ! -e "$1" ] && [ ! -L "$1" ]; then echo absent; exit 0; fi
stat -c '%f %u %g' -- "$1"
if [ -f "$1" ] && [ ! -L "$1" ]; then sha256sum <"$1"; fi`

func stat(ctx context.Context, n node.Node, name string) (status, error) {
	out, err := Script(ctx, n, nil, "describe a file", statScript, name)
	if err != nil {
		return status{}, err
	}
	st, err := parseStat(string(out))
	if err != nil {
		return status{}, fmt.Errorf("%s: %s: %w", n.Name(), name, err)
	}
	return st, nil
}

// File types and the bits above the permissions, in stat(2)'s st_mode.
const (
	typeMask    = 0o170000
	typeRegular = 0o100000
	specialBits = 0o7000
)

func parseStat(out string) (status, error) {
	fields := strings.Fields(out)
	if len(fields) == 1 && fields[0] == "absent" {
		return status{absent: true}, nil
	}
	if len(fields) < 3 {
		return status{}, fmt.Errorf("stat answered %q, not a mode and an owner", out)
	}
	raw, err := strconv.ParseUint(fields[0], 16, 32)
	if err != nil {
		return status{}, fmt.Errorf("stat answered the mode %q", fields[0])
	}
	if raw&typeMask != typeRegular {
		return status{}, fmt.Errorf("is not a regular file (st_mode %o); name the file that it stands for", raw)
	}
	if raw&specialBits != 0 {
		return status{}, fmt.Errorf("has set-id or sticky bits (st_mode %o), which are not handled", raw)
	}
	st := status{mode: fs.FileMode(raw & 0o777)}
	if st.uid, err = strconv.Atoi(fields[1]); err != nil {
		return status{}, fmt.Errorf("stat answered the user id %q", fields[1])
	}
	if st.gid, err = strconv.Atoi(fields[2]); err != nil {
		return status{}, fmt.Errorf("stat answered the group id %q", fields[2])
	}
	if len(fields) < 4 || len(fields[3]) != 64 {
		return status{}, fmt.Errorf("the node computed no sha256 of it")
	}
	st.sha256 = fields[3]
	return st, nil
}
