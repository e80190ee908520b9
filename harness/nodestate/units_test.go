package nodestate

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const listUnits = "systemctl list-units --type=service,timer,socket,path --state="

// changes are the commands of systemctl that change something.
func (x *tree) changes() []string {
	return slices.DeleteFunc(x.machine.commands("systemctl "), func(line string) bool {
		return strings.HasPrefix(line, listUnits) || strings.HasPrefix(line, "systemctl show ")
	})
}

func TestTheUnitsThatWereActiveAreAndNoOthers(t *testing.T) {
	for name, c := range map[string]struct {
		report       Report
		failed, have string
		want         []string
	}{
		"as it was":                       {Report{}, "", "dbus.service loaded active\ncontainerd.service loaded active\n", nil},
		"kubelet is not its":              {Report{}, "", "dbus.service x\ncontainerd.service x\nkubelet.service x\n", nil},
		"a unit that is new":              {Report{}, "", "dbus.service x\ncontainerd.service x\nevil.timer x\n", []string{"systemctl stop evil.timer"}},
		"a unit that has ended":           {Report{}, "", "containerd.service x\n", []string{"systemctl start dbus.service"}},
		"a unit that has failed":          {Report{}, "dbus.service x failed\n", "containerd.service x\n", []string{"systemctl reset-failed dbus.service", "systemctl start dbus.service"}},
		"a unit file":                     {Report{Removed: []string{"/etc/systemd/system/evil.service"}}, "", "dbus.service x\ncontainerd.service x\n", []string{"systemctl daemon-reload"}},
		"a unit of this boot":             {Report{reload: true}, "", "dbus.service x\ncontainerd.service x\n", []string{"systemctl daemon-reload"}},
		"settings of what was not active": {Report{Restored: []string{"/etc/resolv.conf"}}, "", "dbus.service x\ncontainerd.service x\n", nil},
	} {
		x := newTree(t)
		x.machine.prints[listUnits+"failed"] = c.failed
		x.machine.prints[listUnits+"active,activating,reloading,deactivating"] = c.have
		report := c.report
		x.must(x.putUnits(t.Context(), []string{"containerd.service", "dbus.service"}, &report))
		if got := x.changes(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		told := slices.DeleteFunc(slices.Clone(c.want), func(line string) bool { return strings.Contains(line, "reload") })
		if len(report.Units) != len(told) {
			t.Errorf("%s: reported %q", name, report.Units)
		}
		for _, line := range c.want {
			x.machine.fails = map[string]error{line: errors.New("no")}
			again := c.report
			if err := x.putUnits(t.Context(), []string{"containerd.service", "dbus.service"}, &again); err == nil {
				t.Errorf("%s: %s failed and nobody was told", name, line)
			}
		}
	}
}

func TestUnitsThatCannotBeListedAreAnError(t *testing.T) {
	x := newTree(t)
	for _, states := range []string{"failed", "active,activating,reloading,deactivating"} {
		x.machine.fails = map[string]error{listUnits + states + " --plain --no-legend --no-pager --full": errors.New("no")}
		if err := x.putUnits(t.Context(), nil, &Report{}); err == nil {
			t.Errorf("%s: no error", states)
		}
	}
}

func TestImagesThatAreNewOrAnotherOnesAreRemovedByName(t *testing.T) {
	const list, head = "ctr --namespace k8s.io images list", "REF TYPE DIGEST SIZE PLATFORMS LABELS\n"
	x := newTree(t)
	x.machine.prints[list] = head + "pause:3.10 application/x sha256:1 300 KiB linux/amd64 -\nsite:v1 application/x sha256:2 1 MiB linux/amd64 -\n"
	want, err := x.images(t.Context())
	x.must(err)
	x.machine.prints[list] = head + "pause:3.10 application/x sha256:1 300 KiB linux/amd64 -\nevil:1 application/x sha256:1 1 B - -\nsite:v1 application/x sha256:3 1 MiB linux/amd64 -\n"
	var report Report
	x.must(x.putImages(t.Context(), want, &report))
	if want := []string{"evil:1", "site:v1"}; !slices.Equal(report.Images, want) {
		t.Errorf("%q, want %q", report.Images, want)
	}
	if got := x.machine.commands("ctr --namespace k8s.io images rm"); len(got) != 2 || !strings.HasSuffix(got[0], " evil:1") {
		t.Errorf("ran %q", got)
	}
	x.machine.fails["ctr --namespace k8s.io images rm --sync evil:1"] = errors.New("no")
	if err := x.putImages(t.Context(), want, &report); err == nil {
		t.Error("an image that stays is no error")
	}
	for _, broken := range []string{"", "cut\n", head + "pause:3.10\n"} {
		x.machine.prints[list] = broken
		if got, err := x.images(t.Context()); err == nil {
			t.Errorf("%q are the images %q", broken, got)
		}
	}
}
