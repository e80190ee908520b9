package heal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// backupScript copies what a repair may change into the new directory $1. /etc/kubernetes/tmp is left out: kubeadm keeps
// old etcd data there.
const backupScript = `set -eu
umask 077
mkdir -p "${1%/*}"
mkdir "$1"
cd /etc/kubernetes
for f in pki manifests *.conf; do
	if [ -e "$f" ]; then cp -a "$f" "$1/"; fi
done`

// compareScript prints the digests of the originals, then of the copies.
const compareScript = `set -eu
cd /etc/kubernetes
for f in pki manifests *.conf; do
	if [ -e "$f" ]; then find "$f" -type f -exec sha256sum {} +; fi
done | sort -k 2
echo @copies
cd "$1"
find * -type f -exec sha256sum {} + | sort -k 2
echo @mode
stat -c %a .`

// backupStep is R0.
func (r *run) backupStep(dir string) step {
	s := step{
		id: "R0", name: "back up", title: fmt.Sprintf("back up pki, manifests and kubeconfigs of %s to %s", r.names(), dir),
		byHand: "make room below " + backupRoot + " on the node, or copy /etc/kubernetes yourself; nothing else was changed",
	}
	s.do = func(ctx context.Context) error {
		return r.each(func(n *nodeRun) error {
			_, err := r.exec(ctx, n, "sh", "-c", backupScript, "medic", dir)
			return err
		})
	}
	s.check = func(ctx context.Context) error {
		return r.each(func(n *nodeRun) error {
			out, err := r.exec(ctx, n, "sh", "-c", compareScript, "medic", dir)
			if err != nil {
				return err
			}
			files, err := sameCopies(out)
			if err != nil {
				return fmt.Errorf("%s: %w", n.node.Name, err)
			}
			r.say("        %s: %d files copied and compared: %s", n.node.Name, len(files), strings.Join(files, " "))
			return nil
		})
	}
	return s
}

// sameCopies checks what compareScript printed and returns the names of the files.
func sameCopies(out []byte) ([]string, error) {
	originals, rest, ok := bytes.Cut(out, []byte("@copies\n"))
	if !ok {
		return nil, errors.New("the copies could not be compared")
	}
	copies, mode, ok := bytes.Cut(rest, []byte("@mode\n"))
	switch {
	case !ok:
		return nil, errors.New("the copies could not be compared")
	case len(originals) == 0:
		return nil, errors.New("nothing was copied")
	case !bytes.Equal(originals, copies):
		return nil, errors.New("the copies differ from the originals")
	case strings.TrimSpace(string(mode)) != "700":
		return nil, fmt.Errorf("the backup's mode is %s, not 700", strings.TrimSpace(string(mode)))
	}
	var files []string
	for line := range strings.Lines(string(copies)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			files = append(files, name)
		}
	}
	return files, nil
}

// each does something for every control-plane node, in order, until one fails.
func (r *run) each(do func(*nodeRun) error) error {
	for _, n := range r.nodes {
		if err := do(n); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) names() string {
	var out []string
	for _, n := range r.nodes {
		out = append(out, n.node.Name)
	}
	return strings.Join(out, ", ")
}
