package hoststate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysctls of which there is one for the whole machine, so that a privileged node changes the host's; and the forwarding
// that an engine switches on when it starts, which was before the first look.
var sysctls = []string{
	"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/netfilter/nf_conntrack_max", "net/bridge/bridge-nf-call-iptables",
	"kernel/hostname", "kernel/domainname", "kernel/core_pattern", "kernel/pid_max", "kernel/threads-max", "kernel/randomize_va_space",
	"kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	"vm/overcommit_memory", "vm/panic_on_oom", "vm/max_map_count", "vm/swappiness",
	"fs/file-max", "fs/nr_open", "fs/inotify/max_user_instances", "fs/inotify/max_user_watches", "fs/protected_hardlinks", "fs/protected_symlinks",
}

// kubelets are the values that every kubelet sets when it starts (pkg/kubelet/cm, setupKernelTunables, as long as
// protectKernelDefaults is off, which is kubeadm's default). None of these sysctls has a namespace, so any kind cluster on
// a machine sets them for the machine. They are not put back, and are no difference.
var kubelets = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

const sysctlFact = "sysctl "

func kubeletsOwn(fact, is string) bool {
	name, ok := strings.CutPrefix(fact, sysctlFact)
	value, known := kubelets[name]
	return ok && known && is == value
}

func (m Machine) sysctls(s *State) error {
	for _, name := range sysctls {
		text, err := os.ReadFile(filepath.Join(m.Root, "/proc/sys", name))
		switch {
		case errors.Is(err, fs.ErrNotExist): // a module that is not loaded, another kernel
			continue
		case errors.Is(err, fs.ErrPermission):
			s.Unmeasured = append(s.Unmeasured, sysctlFact+name)
			continue
		case err != nil:
			return err
		}
		s.facts[sysctlFact+name] = strings.TrimSpace(string(text))
	}
	return nil
}
