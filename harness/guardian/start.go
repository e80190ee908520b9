package guardian

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// readyWithin is what passes at most from the guardian's start to its word that it is ready.
const readyWithin = 10 * time.Second

// Start starts argv, a program that calls Watch on its standard input and output, in a session of its own, and returns
// once it is ready: nothing may be changed before. env is its environment (nil: this process's), log its standard error
// (nil: none). A guardian that is not ready within ten seconds is killed, and the error is ErrNotReady.
func Start(argv []string, env []string, log *os.File) (*Guard, error) {
	return start(argv, env, log, readyWithin)
}

func start(argv []string, env []string, log *os.File, readyWithin time.Duration) (*Guard, error) {
	in, pipe, err := os.Pipe() // O_CLOEXEC: no other child of this process keeps the guardian waiting
	if err != nil {
		return nil, err
	}
	defer in.Close()
	answers, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, pipe.Close())
	}
	defer out.Close()
	g := &Guard{cmd: exec.Command(argv[0], argv[1:]...), pipe: pipe, said: make(chan string, 2), died: make(chan struct{}), done: make(chan struct{})}
	g.cmd.Env, g.cmd.Stdin, g.cmd.Stdout = env, in, out
	if log != nil {
		g.cmd.Stderr = log
	}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := g.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the guardian: %w", err), pipe.Close(), answers.Close())
	}
	go g.listen(answers)
	go g.wait()
	if err := g.awaitReady(readyWithin); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Guard) awaitReady(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	var err error
	select {
	case word := <-g.said:
		if word == ready {
			return nil
		}
		err = fmt.Errorf("%w, it said %q", ErrNotReady, word)
	case <-ctx.Done():
		err = fmt.Errorf("%w within %v", ErrNotReady, within)
	}
	_ = g.cmd.Process.Kill() // before its standard input ends: nothing was done yet, so it has nothing to undo
	<-g.done
	return errors.Join(fmt.Errorf("%w (%s)", err, g.cmd.ProcessState), g.pipe.Close())
}

// listen takes the guardian's answers, of which there are two at most.
func (g *Guard) listen(answers *os.File) {
	defer answers.Close()
	defer close(g.said)
	for lines := bufio.NewScanner(io.LimitReader(answers, 100)); lines.Scan(); {
		select {
		case g.said <- lines.Text():
		default:
			return
		}
	}
}

func (g *Guard) wait() {
	err := g.cmd.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
	if !g.released {
		g.err = fmt.Errorf("%w (%s); its log says why", ErrDied, g.cmd.ProcessState)
		close(g.died)
	}
	close(g.done)
}
