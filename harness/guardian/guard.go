package guardian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// tellWithin is what one line may take; a guardian that is stopped reads none.
const tellWithin = 5 * time.Second

// Errors of a Guard.
var (
	ErrNotReady = errors.New("the guardian did not become ready")
	ErrDied     = errors.New("the guardian ended before the run, nobody guarded from then on")
)

// Guard is the harness's hold of its guardian. Its methods may be called concurrently.
//
//	guarding ──Release──▶ released
//	    └──its process ends──▶ died
type Guard struct {
	cmd  *exec.Cmd
	said chan string   // the guardian's answers; closed when it can give none any more
	died chan struct{} // closed when its process ended without a release
	done chan struct{} // closed when its process ended

	mu       sync.Mutex
	pipe     *os.File // the only writing end of its standard input
	broken   error    // the first failed write: a line behind half a line would not be understood
	released bool
	err      error // why it ended; set before done is closed
}

// Died is closed when the guardian has ended without a release. The harness should then undo and end: nobody would do it
// in its place.
func (g *Guard) Died() <-chan struct{} { return g.died }

// Err is nil while the guardian guards and after a Release; when it has died, an ErrDied that says how.
func (g *Guard) Err() error {
	select {
	case <-g.died:
		return g.err
	default:
		return nil
	}
}

// Remove has a file or a directory with all in it removed should the harness die. It may not exist yet. A path right below
// the root is refused, and so is one that is no UTF-8.
func (g *Guard) Remove(path string) error { return g.tell(remove, path) }

// Strays has the tool's processes killed should the harness die: those with this context file in their environment.
func (g *Guard) Strays(contextPath string) error { return g.tell(strays, contextPath) }

// Forget takes back what Remove and Strays said of a path.
func (g *Guard) Forget(path string) error { return g.tell(forget, path) }

func (g *Guard) tell(do verb, path string) error {
	path, err := filepath.Abs(path)
	if err == nil {
		err = g.send(message{Do: do, Path: path})
	}
	if err != nil {
		return fmt.Errorf("tell the guardian to %s %s: %w", do, path, err)
	}
	return nil
}

// send writes one line. What is in the pipe the guardian reads, even if this process is dead by then.
func (g *Guard) send(m message) error {
	line, err := encode(m)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.write(line)
}

func (g *Guard) write(line []byte) error {
	if g.broken == nil {
		g.broken = g.pipe.SetWriteDeadline(time.Now().Add(tellWithin)) // a deadline is one of the kernel's clock
	}
	if g.broken == nil {
		_, g.broken = g.pipe.Write(line)
	}
	return g.broken
}

// Release is the normal end: the guardian ends without doing anything, and Release waits for it. An ErrDied says that it
// had died before. One that does not end before ctx does is killed, which is an error too.
func (g *Guard) Release(ctx context.Context) error {
	line, err := encode(message{Do: release})
	if err != nil {
		return err
	}
	if err := g.letGo(line); err != nil {
		return err
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		_ = g.cmd.Process.Kill()
		<-g.done
		return fmt.Errorf("the guardian did not end when it was released and was killed: %w", ctx.Err())
	}
	for word := range g.said {
		if word == released && g.err != nil {
			return fmt.Errorf("the guardian was released and did nothing, but: %w; its log says why", g.err)
		}
		if word == released {
			return nil
		}
	}
	return fmt.Errorf("%w (%s): it did not confirm its release", ErrDied, g.cmd.ProcessState)
}

// letGo tells the guardian that it is released. One that cannot be told is killed, lest it undo what is in order.
func (g *Guard) letGo(line []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.released {
		return errors.New("the guardian was released already")
	}
	select {
	case <-g.done:
		return errors.Join(g.err, g.pipe.Close())
	default:
	}
	g.released = true
	err := g.write(line)
	if err != nil {
		_ = g.cmd.Process.Kill()
		err = fmt.Errorf("%w: it could not be told: %w", ErrDied, err)
	}
	return errors.Join(err, g.pipe.Close())
}
