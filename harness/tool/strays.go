package tool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// strayRounds is how often the process table is searched: a stray may fork while it is being killed.
const strayRounds = 20

// KillStrays kills the processes that left the tool's process groups (setsid, a daemon). They are known by the path of the
// context file in their environment: it was made for this run of this tool and given to nobody else. It returns how many
// were killed; the error says that some are left. A guardian calls it for a harness that is gone.
func KillStrays(contextPath string) (int, error) {
	killed := 0
	for range strayRounds {
		found, err := strays(contextPath)
		if err != nil || len(found) == 0 {
			return killed, err
		}
		for _, pid := range found {
			if killStray(pid, contextPath) {
				killed++
			}
		}
	}
	return killed, fmt.Errorf("the tool's processes outside its process group come back faster than they can be killed (%d so far)", killed)
}

// strays searches the process table.
func strays(contextPath string) ([]int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	var out []int
	for _, path := range paths {
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err == nil && pid != os.Getpid() && isStray(pid, contextPath) {
			out = append(out, pid)
		}
	}
	return out, nil
}

// isStray says whether that process has the context file's path in its environment. One that is gone has not.
func isStray(pid int, contextPath string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	for pair := range bytes.SplitSeq(env, []byte{0}) {
		if string(pair) == ContextVariable+"="+contextPath {
			return true
		}
	}
	return false
}

// killStray kills one process and waits until it is dead. The descriptor is taken before the second look at its
// environment, so that a number which has changed hands meanwhile is not signalled.
func killStray(pid int, contextPath string) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if !isStray(pid, contextPath) || unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) != nil {
		return false
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
		if !errors.Is(err, unix.EINTR) {
			return true
		}
	}
}
