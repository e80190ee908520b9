package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// clustersWanted is one to measure and one that is made meanwhile.
const clustersWanted = 2

// capacityRow is nil for a capacity that could not be looked at.
func (m machine) capacityRow(ctx context.Context, e *Engine) (*Capacity, Row) {
	row := Row{Name: "clusters at once", Status: Warn}
	if e == nil {
		row.Value, row.Fix = "not checked: no engine", m.mend()
		return nil, row
	}
	c, err := m.capacity(ctx, e)
	if err != nil {
		row.Value, row.Fix = oneLine(err), "look at: "+e.Bin+" info"
		return nil, row
	}
	row.Value = c.String()
	switch {
	case c.Clusters < clustersWanted && c.LimitedBy != "":
		row.Fix = m.mendResource(c.resource(c.LimitedBy))
	case len(c.Unknown) > 0:
		row.Fix = m.mendUnknown()
	default:
		row.Status = OK
	}
	return &c, row
}

// String is the capacity for people, for example "3, 1 of them running (inotify instances limit it; memory would fit 21;
// arms measured at once: 2)".
func (c Capacity) String() string {
	if c.LimitedBy == "" {
		return "unknown: " + strings.Join(c.reasons(), "; ")
	}
	text := fmt.Sprint(c.Clusters)
	if len(c.Unknown) > 0 {
		text = "at most " + text
	}
	if c.Running > 0 {
		text += fmt.Sprintf(", %d of them running", c.Running)
	}
	parts := []string{limits(c.LimitedBy)}
	if r := c.resource(memoryName); r.More >= 0 && c.LimitedBy != memoryName {
		parts = append(parts, fmt.Sprintf("memory would fit %d", c.Running+r.More))
	}
	parts = append(parts, fmt.Sprintf("arms measured at once: %d", c.Arms))
	if len(c.Unknown) > 0 {
		parts = append(parts, "unknown: "+strings.Join(c.reasons(), "; "))
	}
	return text + " (" + strings.Join(parts, "; ") + ")"
}

// limits is the resource with its verb.
func limits(name string) string {
	if strings.HasSuffix(name, "s") {
		return name + " limit it"
	}
	return name + " limits it"
}

// reasons are why resources are not known, each reason once.
func (c Capacity) reasons() []string {
	var why []string
	names := map[string][]string{}
	for _, r := range c.Resources {
		if r.Unknown == "" {
			continue
		}
		if !slices.Contains(why, r.Unknown) {
			why = append(why, r.Unknown)
		}
		names[r.Unknown] = append(names[r.Unknown], r.Name)
	}
	for i, w := range why {
		why[i] = strings.Join(names[w], ", ") + ": " + w
	}
	return why
}

// resource is the one of that name; one that is not there is not known.
func (c Capacity) resource(name string) Resource {
	if i := slices.IndexFunc(c.Resources, func(r Resource) bool { return r.Name == name }); i >= 0 {
		return c.Resources[i]
	}
	return Resource{Name: name}.unknown("not looked at")
}

// mendResource is what gives room for more clusters.
func (m machine) mendResource(r Resource) string {
	switch r.Name {
	case memoryName:
		return "end other programs, or give the machine more memory"
	case instancesName:
		return m.sysctl("fs.inotify.max_user_instances", max(instancesWanted, 2*r.Limit))
	case watchesName:
		return m.sysctl("fs.inotify.max_user_watches", max(watchesWanted, 2*r.Limit))
	case diskName:
		return "free some disk where the engine keeps its data"
	}
	return m.sysctl("kernel.pid_max", 4194304) + ", and raise kernel.threads-max or pids.max of the control group where that is lower"
}

// mendUnknown is what makes the unknown known.
func (m machine) mendUnknown() string {
	if m.root() {
		return "run nov30 as root where the engine's containers run, not in a container and not with a rootless engine"
	}
	return "sudo nov30 doctor"
}

func (m machine) sysctl(name string, value uint64) string {
	s := fmt.Sprintf("sysctl -w %s=%d", name, value)
	if !m.root() {
		s = "sudo " + s
	}
	return s
}

// inotifyRow shows the limits that are reached first on an ordinary machine. It needs no engine.
func (m machine) inotifyRow(c *Capacity) Row {
	if c == nil {
		instances, watches := m.inotifyRoom(place{}, 0)
		c = &Capacity{Resources: []Resource{instances, watches}}
	}
	row := Row{Name: "inotify limits", Status: OK}
	var values, fixes []string
	for _, name := range []string{instancesName, watchesName} {
		r := c.resource(name)
		switch {
		case r.More < 0:
			row.Status, row.Value, row.Fix = Warn, r.Unknown, "sysctl fs.inotify"
			return row
		case r.Unknown != "":
			values = append(values, fmt.Sprintf("%s %d", r.Unit, r.Limit))
		default:
			value := fmt.Sprintf("%s %d, %d in use", r.Unit, r.Limit, r.Used)
			if r.Assumed != "" {
				value += " (" + r.Assumed + ")"
			}
			values = append(values, value)
		}
		if c.Running+r.More < clustersWanted {
			row.Status = Warn
			fixes = append(fixes, m.mendResource(r))
		}
	}
	row.Value, row.Fix = strings.Join(values, "; "), strings.Join(fixes, "; ")
	return row
}
