package report

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/nov30/nov30/harness/slo"
)

// evidenceMax is how many files of an arm are linked.
const evidenceMax = 100

// armFiles are the files of an arm that a report links beside its evidence. It is an allow-list: a kept cluster's kubeconfig,
// which holds a key, is not on it.
var armFiles = []string{EventsFile, RecordFile, "detect.log", "recover.log"}

// file is a file of an arm.
type file struct{ Name, Href, Size string }

// filesOf lists the files of an arm that exist, those of its evidence last; more is how many are left out.
func filesOf(run fs.FS, scenario string, a slo.Arm) (list []file, more int) {
	if run == nil || checkName("scenario", scenario) != nil || checkName("arm", string(a)) != nil {
		return nil, 0
	}
	dir := path.Join(scenario, string(a))
	add := func(name string) {
		info, err := fs.Stat(run, path.Join(dir, name))
		if err != nil || !info.Mode().IsRegular() {
			return
		}
		if len(list) == evidenceMax {
			more++
			return
		}
		list = append(list, file{plain(name, textShown), href(path.Join(dir, name)), size(info.Size())})
	}
	for _, name := range armFiles {
		add(name)
	}
	_ = fs.WalkDir(run, path.Join(dir, EvidenceDir), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			add(strings.TrimPrefix(p, dir+"/"))
		}
		return nil // what cannot be read is not linked
	})
	return list, more
}

// href is the address of a file of the run, relative to the report beside it.
func href(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
