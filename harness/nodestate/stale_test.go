package nodestate

import (
	"slices"
	"testing"
)

func TestUnitsThatRunWithOtherFilesAreStale(t *testing.T) {
	const show = "systemctl show --no-pager --property=Id,ExecStart containerd.service systemd-resolved.service"
	for name, c := range map[string]struct {
		report Report
		want   []string
	}{
		"nothing changed":           {Report{}, nil},
		"something else":            {Report{Altered: []string{"/etc/kubernetes/scheduler.conf", "/usr/bin/containerd-shim"}}, nil},
		"settings":                  {Report{Altered: []string{"/etc/containerd/config.toml"}}, []string{"containerd.service"}},
		"its program":               {Report{Lost: []string{"/usr/local/bin/containerd"}}, []string{"containerd.service"}},
		"a drop-in that was added":  {Report{Removed: []string{"/etc/systemd/system/containerd.service.d/x.conf"}}, []string{"containerd.service"}},
		"the unit":                  {Report{Restored: []string{"/etc/systemd/system/systemd-resolved.service"}}, []string{"systemd-resolved.service"}},
		"two":                       {Report{Altered: []string{"/etc/resolv.conf", "/etc/containerd/certs.d/x"}}, []string{"containerd.service", "systemd-resolved.service"}},
		"settings of another one's": {Report{Altered: []string{"/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"}}, nil},
	} {
		x := newTree(t)
		x.machine.prints[show] = "ExecStart={ path=/usr/local/bin/containerd ; argv[]=/usr/local/bin/containerd ; ignore_errors=no }\nId=containerd.service\n\n" +
			"ExecStart={ path=/lib/systemd/systemd-resolved ; argv[]=x }\nId=systemd-resolved.service\n"
		report := c.report
		x.must(x.stale(t.Context(), []string{"containerd.service", "systemd-resolved.service"}, &report))
		if !slices.Equal(report.Stale, c.want) {
			t.Errorf("%s: %q, want %q", name, report.Stale, c.want)
		}
	}
}
