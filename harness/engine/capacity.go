package engine

import (
	"context"
	"fmt"
)

// What one cluster of the reference shape, one control plane and one worker with the site and the edge, takes of the
// machine. Measured with Kubernetes 1.34 on two cores, idle and in an arm, which took 15 MiB more and else the same.
const (
	// clusterMemory: 610 MiB that cannot be reclaimed (a third of it the API server's heap), and some 380 MiB of page cache
	// that is mapped program text: reclaiming that makes every process wait for the disk.
	clusterMemory = 1 << 30
	// clusterInstances: 39 of root's (systemd 4 and kubelet 7 in each node, controller manager 7, API server 6), and one in
	// each node for a tool that follows its journal.
	clusterInstances = 41
	clusterWatches   = 600     // 463 of root's
	clusterDisk      = 2 << 30 // 1.3 GB for the volumes of a new cluster; etcd, journals and logs grow from there
	clusterTasks     = 600     // 363 processes and threads; more while kubeadm runs
)

// What is kept for everything else.
const (
	memoryKept = 1 << 30 // the engine, the harness, the tool under test
	diskKept   = 2 << 30 // records, evidence, logs
	tasksKept  = 1024
)

// coresPerArm is what the busiest second of an arm takes: 1.0 core, when the API server starts again after etcd's expired
// certificates; on average an arm takes 0.4. With a core each no arm waits for another, even when all of them repair at once.
// More arms on the same cores would be served on average too, but the times of one would then depend on the others' faults.
// A cluster that is being made takes up to 1.7 cores for some seconds beside that; probes that it makes late are seen in the
// record.
const coresPerArm = 1

// Capacity is how many clusters of the reference shape a machine can hold at once, with what is in use now counted. The
// memory and the disk that a cluster which is just being made will take are counted only as it takes them.
type Capacity struct {
	// Clusters is Running and More together. It is an upper bound, not a promise, where Unknown names something.
	Clusters int `json:"clusters"`
	Running  int `json:"running"` // kind's clusters with running nodes on this engine, whoever made them
	More     int `json:"more"`    // further ones; with something in Unknown an upper bound, and 0 where no resource is known
	// Arms is how many arms can be measured at once without one making another's probes late, if nothing else loads the
	// machine. It is at most Clusters, and at most 1 where Unknown names something: what is not known is never plenty.
	Arms      int        `json:"arms"`
	LimitedBy string     `json:"limited_by,omitempty"` // the resource that allows the fewest
	Unknown   []string   `json:"unknown,omitempty"`    // the resources that could not be told
	Load      float64    `json:"load"`                 // processes that ran or waited, on average over the last minute
	Resources []Resource `json:"resources"`
}

// Resource is one thing that clusters use up.
type Resource struct {
	Name  string `json:"name"`
	Unit  string `json:"unit"`
	Limit uint64 `json:"limit,omitempty"` // of everything on the machine; 0 where only what is free is known
	Used  uint64 `json:"used,omitempty"`
	Free  uint64 `json:"free"` // for clusters: without what is kept for the rest
	Each  uint64 `json:"each"` // what one cluster takes
	More  int    `json:"more"` // how many further clusters that allows; -1: nothing is known
	// Unknown says what could not be told, and why. Used is then at least, Free and More at most what they say.
	Unknown string `json:"unknown,omitempty"`
	Assumed string `json:"assumed,omitempty"` // what of Used was not counted but assumed, and why
}

// The names of the resources.
const (
	memoryName    = "memory"
	instancesName = "inotify instances"
	watchesName   = "inotify watches"
	diskName      = "disk"
	tasksName     = "processes"
)

// MeasureCapacity looks at what is free on the machine of an engine. It changes nothing. The error is ctx's, or that of the
// engine's command; a resource that could not be read is no error but one of Capacity.Unknown.
func MeasureCapacity(ctx context.Context, e *Engine) (Capacity, error) {
	return host().capacity(ctx, e)
}

func (m machine) capacity(ctx context.Context, e *Engine) (Capacity, error) {
	at, err := m.place(ctx, e)
	if err != nil {
		return Capacity{}, fmt.Errorf("how many clusters fit: %w", err)
	}
	running, err := m.running(ctx, e)
	if err != nil {
		return Capacity{}, fmt.Errorf("how many clusters run: %w", err)
	}
	instances, watches := m.inotifyRoom(at, running)
	resources := []Resource{m.memoryRoom(at), instances, watches, m.diskRoom(ctx, e, at), m.taskRoom(at)}
	if err := ctx.Err(); err != nil {
		return Capacity{}, fmt.Errorf("how many clusters fit: %w", err)
	}
	c := concluded(running, m.coresOf(at), resources)
	if text, err := m.read("/proc/loadavg"); err == nil {
		c.Load, _, _ = loadavg(text)
	}
	return c, nil
}

// concluded is the capacity that follows from the resources; cores is 0 where they are not known.
func concluded(running, cores int, resources []Resource) Capacity {
	c := Capacity{Running: running, More: -1, Resources: resources}
	for _, r := range resources {
		if r.Unknown != "" {
			c.Unknown = append(c.Unknown, r.Name)
		}
		if r.More >= 0 && (c.More < 0 || r.More < c.More) {
			c.More, c.LimitedBy = r.More, r.Name
		}
	}
	c.More = max(c.More, 0)
	c.Clusters = c.Running + c.More
	c.Arms = min(c.Clusters, max(cores/coresPerArm, 1))
	if len(c.Unknown) > 0 {
		c.Arms = min(c.Arms, 1)
	}
	return c
}

// fits fills in how many more clusters fit into what is free.
func (r Resource) fits() Resource {
	const most = 1 << 20 // keeps the conversion safe; no machine comes near
	r.More = int(min(r.Free/r.Each, most))
	return r
}

// unknown is the resource with nothing known.
func (r Resource) unknown(why string) Resource {
	r.Limit, r.Used, r.Free, r.More, r.Unknown = 0, 0, 0, -1, why
	return r
}

// less is a-b, and 0 rather than below it.
func less(a, b uint64) uint64 { return a - min(a, b) }
