// Package journal keeps the inverse of every change a fault makes, on disk before the change is made, so that any later
// process can undo it.
package journal

import "io/fs"

// Op names what applying an inverse does.
type Op string

// The operations of inverses. Each can be applied twice with the same result, and verified.
const (
	RestoreFile Op = "restore-file" // write Preimage to Path with Mode and owner; Absent: remove Path; see Written
	StartNode   Op = "start-node"   // power the node on
	StopUnit    Op = "stop-unit"    // stop Unit, a transient unit of systemd's, and continue the processes of Program
)

// Inverse undoes one change. It is data, never a closure: another process, later, must be able to apply it, twice.
type Inverse struct {
	Op       Op     `json:"op"`
	Node     string `json:"node"`
	Path     string `json:"path,omitempty"`
	Absent   bool   `json:"absent,omitempty"` // the path did not exist
	Preimage []byte `json:"preimage,omitempty"`
	// Written is the hex SHA-256 of what the fault writes. A file that holds nothing that this journal's faults wrote was
	// changed by somebody after them, a tool that repaired it for instance, and is left alone: the old certificate would not
	// fit the tool's new key. Empty: the file is restored whatever it holds.
	Written string      `json:"written,omitempty"`
	Mode    fs.FileMode `json:"mode,omitempty"`
	UID     int         `json:"uid,omitempty"`
	GID     int         `json:"gid,omitempty"`
	Unit    string      `json:"unit,omitempty"`    // with its suffix, such as nov30-slow.service
	Program string      `json:"program,omitempty"` // as its processes' command lines begin, without a directory
}

// Journal is where a fault writes its inverses. Append returns only when the inverse is on disk; a fault that gets an
// error from it must not make the change.
type Journal interface {
	Append(Inverse) error
}
