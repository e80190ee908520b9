package chaos

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	"golang.org/x/sys/unix"
)

// progressFD names the file descriptor of make's standard output. Ginkgo keeps what parallel processes print, in any mode
// of its interceptor, until their spec is over; its command hands on the descriptors that it inherits.
const progressFD = "NOV30_PROGRESS_FD"

// live is where people see at once what this process does. Without make, several processes have no such place: ginkgo
// then shows their output when the spec is over.
func live(env func(string) string) (io.Writer, error) {
	text := env(progressFD)
	if processes() == 1 || text == "" {
		return os.Stdout, nil
	}
	fd, err := strconv.Atoi(text)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC) // no tool and no guardian keeps make's output open
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%s is no open file descriptor: %w; unset it", progressFD, text, err)
	}
	return os.NewFile(uintptr(fd), "progress"), nil
}

// print prints a line. One write each, because other processes write to the same place.
func (p *process) print(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
}

// progress prints what the harness says, behind the name of the scenario where several run at once.
func (p *process) progress(line string) {
	if processes() == 1 {
		p.print("  %s", line)
		return
	}
	p.print("  %s", prefixed(CurrentSpecReport().LeafNodeText, GinkgoParallelProcess(), line))
}

// prefixed puts a column before a line: the scenario that runs, or the process while none does.
func prefixed(scenario string, process int, line string) string {
	width := 0
	for _, name := range catalogue() {
		width = max(width, len(name))
	}
	who := scenario
	if who == "" {
		who = fmt.Sprintf("process %d", process)
	}
	return fmt.Sprintf("%-*s  %s", width, who, strings.TrimPrefix(line, scenario+": "))
}
