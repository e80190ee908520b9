package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// inotifyRoom is what the limits on one user's inotify instances and watches leave. The kernel counts them for the user who
// made them, and those made in a user namespace also for the user who made that (inotify(7), user_namespaces(7)). A running
// cluster that is just being made, or broken, will yet take what a healthy one has, so it counts as that.
func (m machine) inotifyRoom(at place, running int) (instances, watches Resource) {
	instances = Resource{Name: instancesName, Unit: "instances", Each: clusterInstances}
	watches = Resource{Name: watchesName, Unit: "watches", Each: clusterWatches}
	if at.elsewhere != "" {
		return instances.unknown(at.elsewhere), watches.unknown(at.elsewhere)
	}
	use := m.inotifyUse(at)
	instances.Unknown, watches.Unknown = use.unknown, use.unknown
	if use.refused > 0 && use.unknown == "" {
		const text = "%d assumed, for %d that cannot be looked into"
		instances.Assumed = fmt.Sprintf(text, use.refused*refusedInstances, use.refused)
		watches.Assumed = fmt.Sprintf(text, use.refused*refusedWatches, use.refused)
	}
	instances.Used, watches.Used = use.instances+use.refused*refusedInstances, use.watches+use.refused*refusedWatches
	return m.inotifyLimit(instances, "max_user_instances", running), m.inotifyLimit(watches, "max_user_watches", running)
}

// What a process is taken to have that refuses even root: one with more capabilities than this one, which is what init is on
// some machines. systemd has 4 instances as init, with some 50 watches.
const (
	refusedInstances = 5
	refusedWatches   = 500
)

func (m machine) inotifyLimit(r Resource, name string, running int) Resource {
	text, err := m.read("/proc/sys/fs/inotify/" + name)
	if err != nil {
		return r.unknown("cannot read fs.inotify." + name + ": " + oneLine(err))
	}
	limit, err := strconv.ParseUint(strings.TrimSpace(text), 10, 63)
	if err != nil {
		return r.unknown("cannot read fs.inotify." + name + ": " + oneLine(err))
	}
	r.Limit, r.Free = limit, less(limit, max(r.Used, uint64(running)*r.Each))
	return r.fits()
}

// inotifyUse is what the user that the engine's containers count for has in use.
type inotifyUse struct {
	instances, watches uint64
	refused            uint64 // processes that could not be looked into
	unknown            string // why it may be more than all these
}

// inotifyUse counts in /proc. An instance that two processes share is counted twice: too many rather than too few.
func (m machine) inotifyUse(at place) inotifyUse {
	use := inotifyUse{unknown: m.hidden(at)}
	user := 0
	if at.rootless {
		user = m.euid
	}
	entries, err := fs.ReadDir(m.files, "proc")
	if err != nil {
		return inotifyUse{unknown: oneLine(err)}
	}
	ours, _ := fs.ReadLink(m.files, "proc/self/ns/user") // hidden has told of an error
	seen := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		status, err := m.read("/proc/" + e.Name() + "/status")
		if err != nil {
			continue // it has just ended
		}
		seen++
		uid, err := effectiveUser(status)
		theirs, nsErr := fs.ReadLink(m.files, "proc/"+e.Name()+"/ns/user")
		if err == nil && uid != user && (nsErr != nil || theirs == ours) {
			continue
		}
		if err := m.addInotify(e.Name(), &use); errors.Is(err, fs.ErrPermission) {
			use.refused++
		}
	}
	if use.unknown == "" && seen == 0 {
		use.unknown = "no process can be seen in /proc"
	}
	return use
}

// addInotify adds what one process has open. Only a refusal is an error: what has just been closed is not in use.
func (m machine) addInotify(pid string, use *inotifyUse) error {
	dir := "proc/" + pid
	fds, err := fs.ReadDir(m.files, dir+"/fd")
	if err != nil {
		return err
	}
	for _, fd := range fds {
		target, err := fs.ReadLink(m.files, dir+"/fd/"+fd.Name())
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		if err != nil || target != "anon_inode:inotify" {
			continue
		}
		use.instances++
		text, err := m.read("/" + dir + "/fdinfo/" + fd.Name())
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		use.watches += watchesOf(text)
	}
	return nil
}

// effectiveUser is the second number of the line Uid of /proc/PID/status.
func effectiveUser(status string) (int, error) {
	for line := range strings.Lines(status) {
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok {
			f := strings.Fields(ids)
			if len(f) != 4 {
				return 0, fmt.Errorf("/proc/PID/status: Uid has %d numbers", len(f))
			}
			uid, err := strconv.ParseUint(f[1], 10, 32)
			return int(uid), err
		}
	}
	return 0, errors.New("/proc/PID/status has no Uid")
}

// watchesOf counts the watches in the text of /proc/PID/fdinfo/FD of an inotify instance: a line each (proc_pid_fdinfo(5)).
func watchesOf(fdinfo string) uint64 {
	n := uint64(0)
	for line := range strings.Lines(fdinfo) {
		if strings.HasPrefix(line, "inotify wd:") {
			n++
		}
	}
	return n
}
