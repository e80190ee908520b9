package fault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

// Symptom is what a log must show once a fault bites. It is data; exactly one of Files and Command is its source.
type Symptom struct {
	Name    string
	Node    cluster.Role // looked for on the first node of this role
	Files   string       // shell pattern of log files in the node
	Command []string     // a command in the node that prints the log, such as journalctl
	Pattern string       // RE2, matched against one line at a time
	// Provoke, when set, is run in the node before each look, to make happen what the log then tells of. Its exit code
	// is not judged, because being refused may be the point.
	Provoke []string
}

// Errors of a symptom.
var (
	ErrNotSeen = errors.New("the symptom was not seen")
	ErrNoMark  = errors.New("no mark of this symptom was taken before the injection")
)

// Mark is what a symptom's log held before the injection. The zero Mark is none.
type Mark struct {
	symptom string
	old     map[[sha256.Size]byte]struct{} // the lines that matched already
}

// Mark notes the matching lines that are there already, before the injection. It holds lines and not offsets, because a
// log that was rotated, copied or written anew would show its old lines at new offsets. No log at all is an error.
func (s Symptom) Mark(ctx context.Context, c cluster.Cluster) (Mark, error) {
	lines, err := s.matches(ctx, c)
	if err != nil {
		return Mark{}, fmt.Errorf("symptom %s: mark: %w", s.Name, err)
	}
	m := Mark{symptom: s.Name, old: map[[sha256.Size]byte]struct{}{}}
	for _, l := range lines {
		m.old[sha256.Sum256(l)] = struct{}{}
	}
	return m, nil
}

// Seen provokes once, looks once and returns the first matching line that was not there at the mark; of a line longer
// than 500 bytes, 500 from the match on. ErrNotSeen may be answered by looking again.
func (s Symptom) Seen(ctx context.Context, c cluster.Cluster, since Mark) (string, error) {
	if since.old == nil || since.symptom != s.Name {
		return "", fmt.Errorf("symptom %s: %w", s.Name, ErrNoMark)
	}
	provoked := s.provoke(ctx, c)
	lines, err := s.matches(ctx, c)
	if err != nil {
		return "", fmt.Errorf("symptom %s: %w", s.Name, errors.Join(err, provoked))
	}
	for _, l := range lines {
		if _, old := since.old[sha256.Sum256(l)]; !old {
			return s.excerpt(l), nil
		}
	}
	if provoked != nil {
		return "", fmt.Errorf("symptom %s: %w, and provoking it said: %w", s.Name, ErrNotSeen, provoked)
	}
	return "", fmt.Errorf("symptom %s: %w: no new line matches %q", s.Name, ErrNotSeen, s.Pattern)
}

func (s Symptom) excerpt(line []byte) string {
	const most = 500
	if pattern, err := s.compile(); err == nil && len(line) > most {
		line = line[pattern.FindIndex(line)[0]:]
	}
	return string(line[:min(len(line), most)])
}

func (s Symptom) provoke(ctx context.Context, c cluster.Cluster) error {
	if len(s.Provoke) == 0 {
		return nil
	}
	n, err := cluster.First(c, s.Node)
	if err != nil {
		return err
	}
	_, err = n.Exec(ctx, bytes.NewReader(nil), s.Provoke...)
	return nodeop.WithoutOutput(err) // of a TLS client: the keys of the session
}

// matches reads the whole source and returns its matching lines.
func (s Symptom) matches(ctx context.Context, c cluster.Cluster) ([][]byte, error) {
	pattern, err := s.compile()
	if err != nil {
		return nil, err
	}
	n, err := cluster.First(c, s.Node)
	if err != nil {
		return nil, err
	}
	log, err := s.read(ctx, n)
	if err != nil {
		return nil, nodeop.WithoutOutput(err)
	}
	var lines [][]byte
	for line := range bytes.Lines(log) {
		if line = bytes.TrimRight(line, "\r\n"); pattern.Match(line) {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func (s Symptom) read(ctx context.Context, n cluster.Node) ([]byte, error) {
	if s.Files != "" {
		return nodeop.Script(ctx, n, nil, "read logs", readScript, s.Files)
	}
	return n.Exec(ctx, nil, s.Command...)
}

// readScript prints the files of a pattern, whose expansion is not split at spaces. A file that kubelet removes
// meanwhile is no failure; no file at all is one.
const readScript = `IFS= found=
for f in $1; do
  [ -f "$f" ] || continue
  found=yes
  cat -- "$f" || [ ! -e "$f" ] || exit 1
  echo
done
[ "$found" ] || { echo "no file matches" >&2; exit 1; }`

// compile checks the symptom as a whole: a pattern that matches an empty line would be seen everywhere.
func (s Symptom) compile() (*regexp.Regexp, error) {
	if s.Name == "" || (s.Files == "") == (len(s.Command) == 0) {
		return nil, errors.New("a symptom needs a name and exactly one source, Files or Command")
	}
	pattern, err := regexp.Compile(s.Pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	if pattern.MatchString("") {
		return nil, fmt.Errorf("pattern %q matches an empty line", s.Pattern)
	}
	return pattern, nil
}
