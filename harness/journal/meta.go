package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Version is the version of the journal's format that this package writes, and the newest it applies.
const Version = 1

// Meta is the header of a journal: all that another process needs to find the cluster and to know it again.
type Meta struct {
	Version   int       `json:"version"` // set by Create
	Run       string    `json:"run"`     // id of the run
	Scenario  string    `json:"scenario,omitempty"`
	Arm       string    `json:"arm,omitempty"`
	Cluster   string    `json:"cluster"`   // name of the cluster, as Cluster.Name gives it
	CASHA256  string    `json:"ca_sha256"` // SHA-256 of the DER of the cluster's CA certificate when the journal was begun, hex
	APIServer string    `json:"api_server"`
	Engine    string    `json:"engine,omitempty"` // the engine that the cluster is on; another one does not know whether it is gone
	Created   time.Time `json:"created"`          // wall clock, for people
}

// ErrVersion is a journal of a format that this program does not know.
var ErrVersion = errors.New("unknown journal version")

// nameParts may stand in a file name.
var nameParts = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]*$`)

func (m Meta) check() error {
	switch {
	case m.Version < 1 || m.Version > Version:
		return fmt.Errorf("%w %d: this program applies up to %d; revert with the nov30 that wrote it", ErrVersion, m.Version, Version)
	case m.Run == "" || m.Cluster == "" || m.APIServer == "" || m.Created.IsZero():
		return errors.New("the header must name run, cluster, API server and the time of creation")
	case !isSHA256(m.CASHA256):
		return errors.New("the header must carry the hex SHA-256 of the cluster's CA")
	}
	for _, part := range m.parts() {
		if !nameParts.MatchString(part) {
			return fmt.Errorf("the header's %q is no plain name (letters, digits, - and _)", part)
		}
	}
	return nil
}

func (m Meta) parts() []string {
	parts := []string{m.Run}
	for _, p := range []string{m.Scenario, m.Arm} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

// suffix of every journal's file name; anything else in the directory is not a journal.
const suffix = ".journal"

func (m Meta) fileName() string { return strings.Join(m.parts(), ".") + suffix }

func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32
}
