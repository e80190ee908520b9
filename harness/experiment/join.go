package experiment

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nov30/nov30/harness/canary"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/tool"
)

// invitation is what another process must know to join a run. It is handed over in memory and never written: it holds the
// canary's secrets, and a file with them would be a leak that the run then finds.
type invitation struct {
	Run    string            `json:"run"`
	Dir    string            `json:"dir"`
	Image  string            `json:"image"`
	Canary map[string][]byte `json:"canary"`
	// Clusters is how many clusters each process may have at the same time.
	Clusters int `json:"clusters"`
}

// Invite opens a run to further processes on this machine: processes is how many there are, with this one. What it returns
// is for Join, and must not be written to disk or printed. Finish then expects that processes 2 and up have joined and
// left; one that has not makes the run one that failed on infrastructure.
func (s *Session) Invite(processes int) ([]byte, error) {
	if processes < 1 {
		return nil, fmt.Errorf("%d processes: a run has one at least", processes)
	}
	if c := s.capacity; len(c.Unknown) == 0 && processes > max(1, c.More) {
		return nil, fmt.Errorf("%d processes (PROCS=%d): %d clusters fit beside what runs, %s limits it; `nov30 doctor` says how to mend that", processes, processes, c.More, c.LimitedBy)
	}
	s.processes = processes
	if processes > 1 {
		if err := s.ownTemporaries(); err != nil {
			return nil, err
		}
	}
	if s.Clusters == 0 {
		s.pool.resize(clustersEach(s.capacity, processes))
	}
	return json.Marshal(invitation{Run: s.Run, Dir: s.Dir, Image: s.Image, Canary: s.canary.SecretData(), Clusters: s.pool.size})
}

// errNotInvited says nothing of the invitation's content: it holds secrets.
var errNotInvited = errors.New("this is no invitation to a run")

func parseInvitation(text []byte) (invitation, canary.Canary, error) {
	var in invitation
	if json.Unmarshal(text, &in) != nil || in.Run == "" || in.Image == "" || in.Clusters < 1 || !filepath.IsAbs(in.Dir) {
		return in, canary.Canary{}, errNotInvited
	}
	secret, err := canary.FromData(in.Canary)
	if err != nil {
		return in, secret, errNotInvited
	}
	return in, secret, nil
}

// Join takes part in a run that another process began: process is this one's number, from 2. The results go to that run's
// directory, and its STOP file stops this process, too. What must outlive neither is this process's own, so that its death
// is undone without the others: the id RUN-pN, by which its clusters and journals are named, its lock, its guardian.
// Nothing is swept: whoever began the run has done that. The session ends with Leave.
func Join(o Options, invited []byte, process int) (*Session, error) {
	in, secret, err := parseInvitation(invited)
	if err != nil {
		return nil, err
	}
	if process < 2 {
		return nil, fmt.Errorf("process %d cannot join a run: the first one begins it", process)
	}
	o.Clusters = in.Clusters
	s := newSession(o, partOf(in.Run, process), &secret)
	s.inviter, s.Dir, s.Image = in.Run, in.Dir, in.Image
	if s.release, err = o.Home.Hold(s.Run); err != nil {
		return nil, err
	}
	if err := s.join(report.PartDir(s.Dir, process)); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *Session) join(partDir string) error {
	private()
	if err := os.MkdirAll(partDir, 0o700); err != nil {
		return err
	}
	s.part = partDir
	s.file = report.Run{Run: s.Run, Tool: s.Tool.String()}
	if err := s.save(); err != nil {
		return err
	}
	s.stop = watchStop(s.Dir, s.Clock)
	// The guardian's log lies with the part; merging moves it to the others.
	guard, err := (&Session{Options: s.Options, Run: s.Run, Dir: partDir}).startGuardian()
	if err != nil {
		s.stop.close()
		return err
	}
	s.guard = guard
	if err := s.ownTemporaries(); err != nil {
		s.stop.close()
		return errors.Join(err, s.guard.release(context.Background()))
	}
	return nil
}

// partOf is the id of a process's part in a run.
func partOf(run string, process int) string { return fmt.Sprintf("%s-p%d", run, process) }

// ownTemporaries gives this process and its tool temporary files of their own, because the same tool runs in other processes
// at the same time. The directory goes with the run.
func (s *Session) ownTemporaries() error {
	// Short, because a socket's path in it must be. Noted before it is there.
	dir := filepath.Join(os.TempDir(), tool.PrivatePrefix+strings.ToLower(rand.Text()[:8]))
	if err := s.leaves(remnant{Remove: dir}); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Setenv("TMPDIR", dir)
}

// abandoned says that the process that began the run is gone: nobody would ever judge what is measured from here on.
func (s *Session) abandoned() error {
	if s.inviter == "" {
		return nil
	}
	alive, err := s.Home.Alive(s.inviter)
	if err == nil && !alive {
		err = fmt.Errorf("the process that began run %s has ended", s.inviter)
	}
	return err
}

// Leave ends the part of a process that joined a run, when everything it did is undone. interrupted is whether somebody
// asked to stop.
func (s *Session) Leave(interrupted bool) error {
	defer s.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.end(interrupted), s.save())
}
