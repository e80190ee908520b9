package snapshot

import (
	"context"
	"fmt"
	"strings"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
)

// watched are the shell patterns, below the root, of what makes a node what it is. A directory stands for all below it.
var watched = []string{
	"etc/kubernetes", "var/lib/kubelet/config.yaml", "var/lib/kubelet/kubeadm-flags.env", "var/lib/kubelet/pki",
	"var/lib/kubelet/instance-config.yaml", "kind/kubeadm.conf",
	"etc/systemd", "run/systemd/system", "run/systemd/system.control", "usr/lib/systemd/system/kubelet*", "etc/default/kubelet",
	"etc/resolv.conf", "etc/hosts", "etc/nsswitch.conf", "etc/containerd", "etc/sysctl.conf", "etc/sysctl.d", "etc/cni/net.d",
	"root/.ssh", "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/sudoers*", "etc/cron*", "var/spool/cron",
	"etc/environment", "etc/ld.so.preload", "usr/local/share/ca-certificates", "opt/cni/bin",
	"usr/bin/kube*", "usr/local/bin/kube*", "usr/bin/containerd*", "usr/local/bin/containerd*", "usr/sbin/runc", "usr/local/sbin/runc",
}

// bigger is the size in bytes above which a file is compared by its SHA-256 alone: programs, and what tools put aside.
const bigger = "1048576"

// nodeScript takes: the root, the size above which a file is only hashed. It prints, each ended by a NUL: the
// loaded units; of every big file its SHA-256, mode, owner, group and path; nothing; and then a tar archive of all the
// rest and the word that ends it all. Programs that are one file under several names are hashed once; openssl does it
// three times faster than sha256sum. Where find fails it names a file that does not exist, so that tar fails too.
var nodeScript = `set -eu
cd -- "$1"
bigger=$2
shift 2
systemctl show --no-pager --property=Id,LoadState,ActiveState,UnitFileState \
	'*.service' '*.timer' '*.socket' '*.path' kubelet.service containerd.service systemd-resolved.service
printf '\0'
for f in ` + strings.Join(watched, " ") + `; do
	if [ -e "$f" ] || [ -L "$f" ]; then set -- "$@" "$f"; fi
done
find "$@" -type f -size "+${bigger}c" -exec sh -c 'set -eu
	seen=
	for f; do
		id=$(stat -c %d:%i -- "$f")
		case $seen in
		*"|$id="*) sum=${seen#*"|$id="} sum=${sum%%"|"*} ;;
		*) sum=$(openssl dgst -sha256 -r <"$f") sum=${sum%% *} seen="$seen|$id=$sum" ;;
		esac
		printf "%s %s %s\0" "$sum" "$(stat -c "%a %u %g" -- "$f")" "$f"
	done' sh {} +
printf '\0'
{ find "$@" ! -type s ! '(' -type f -size "+${bigger}c" ')' -print0 || printf 'find failed\0'; } |
	tar --create --file=- --format=gnu --no-recursion --numeric-owner --hard-dereference --null --verbatim-files-from --files-from=-
echo end`

// takeNode takes the units, files and programs of a node in one go.
func takeNode(ctx context.Context, n node.Node) (map[key]item, error) {
	out, err := nodeop.Script(ctx, n, nil, "take the node's content", nodeScript, "/", bigger)
	if err != nil {
		return nil, nodeop.WithoutOutput(err) // which may hold private keys
	}
	content, err := parseNode(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name(), err)
	}
	all := map[key]item{}
	for _, f := range content.files {
		if !own(f.path) {
			all[key{n.Name(), f.path}] = f.item(content.named)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s %w: not one file", n.Name(), ErrNoData)
	}
	for _, u := range content.units {
		if counts(u) {
			all[key{n.Name(), "unit/" + u.name}] = u.item()
		}
	}
	return all, nil
}
