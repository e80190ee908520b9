// Package golden turns the state of one new cluster into that of another: with other names and addresses, identities, keys and
// certificates, and nothing else. It is pure: no node, no file, no wall clock of its own.
package golden

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/nov30/nov30/harness/nodestate"
)

// Version is of the form of a golden state.
const Version = 1

// Key is what a golden state fits: every difference would make another cluster.
type Key struct {
	Image   string `json:"image"`   // id of the node image
	Kind    string `json:"kind"`    // version of kind
	Workers int    `json:"workers"` // beside the one control plane
	Config  string `json:"config"`  // digest of what kind is told, names apart
}

// State is what a cluster was like when it was new. Until it is Disowned it holds that cluster's keys; none of the keys in it is
// ever used for another.
type State struct {
	Version int       `json:"version"`
	Key     Key       `json:"key"`
	Cluster string    `json:"cluster"`
	Run     string    `json:"run"`
	Taken   time.Time `json:"taken"`
	Nodes   []Node    `json:"nodes"` // the control plane first, then by name
}

// Node is what one of the nodes held.
type Node struct {
	Name    string           `json:"name"`
	Address netip.Addr       `json:"address"`
	State   nodestate.Golden `json:"state"`
}

func (s *State) String() string { return "golden state of " + s.Cluster }

// ErrState is a golden state that is damaged, or of another image, kind, shape or version.
var ErrState = errors.New("is no golden state for this cluster")

// Encode writes the state down.
func (s *State) Encode() ([]byte, error) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	err = errors.Join(json.NewEncoder(zip).Encode(s), zip.Close())
	return out.Bytes(), err
}

// stateMax bounds a state, in bytes; a cluster with one worker has 2 MB.
const stateMax = 1 << 30

// Decode reads a state of that key. The error is ErrState and holds nothing of what was read.
func Decode(data []byte, key Key) (*State, error) {
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("it %w: not compressed", ErrState)
	}
	text, err := io.ReadAll(io.LimitReader(zip, stateMax)) // to the end, where the checksum is
	if err != nil {
		return nil, fmt.Errorf("it %w: cut or damaged", ErrState)
	}
	s := &State{}
	if json.Unmarshal(text, s) != nil || s.Version != Version || s.Key != key {
		return nil, fmt.Errorf("it %w: of another version, image or shape", ErrState)
	}
	return s, s.check()
}

// check makes sure that the state has what a start needs.
func (s *State) check() error {
	if s.Cluster == "" || len(s.Run) < 4 || len(s.Nodes) != s.Key.Workers+1 {
		return fmt.Errorf("it %w: it has %d nodes, or no names", ErrState, len(s.Nodes))
	}
	for i, n := range s.Nodes {
		if n.Name == "" || !n.Address.IsValid() || len(n.State.Files) == 0 || (len(n.State.Objects) > 0) != (i == 0) {
			return fmt.Errorf("it %w: node %d is not whole", ErrState, i)
		}
	}
	return nil
}

// Disowned is the same state with other keys and certificates: no cluster ever had one of those, so it can lie on a disk while
// the cluster that it was taken from lives on.
func (s *State) Disowned(ctx context.Context) (*State, error) {
	birth, err := Begin(ctx, s)
	if err != nil {
		return nil, err
	}
	itself := Target{Cluster: s.Cluster, Run: s.Run, Now: s.Taken}
	for _, n := range s.Nodes {
		itself.Nodes = append(itself.Nodes, Place{Name: n.Name, Address: n.Address})
	}
	states, err := birth.Finish(itself)
	if err != nil {
		return nil, err
	}
	other := *s
	other.Nodes = nil
	for i, n := range s.Nodes {
		states[i].API, states[i].Images = "", nil // for a start
		other.Nodes = append(other.Nodes, Node{Name: n.Name, Address: n.Address, State: states[i]})
	}
	return &other, nil
}
