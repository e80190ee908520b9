package tool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"
)

// isolation is how a tool's commands are kept from seeing nov30's files: each runs in a mount namespace of its own, in
// which an empty read-only file system lies over every hidden directory. It keeps a tool from looking, not from breaking
// out: who may use a container engine owns the machine.
//
// An ordinary user may mount only in a user namespace in which it is root. The command then runs in a second one, as the
// user that it is outside; there nothing of the first one's mounts can be taken away (mount_namespaces(7), locked mounts).
type isolation struct {
	hide    []string          // directories, absolute and without symbolic links, none below another
	binds   map[string]string // sockets below them, and where the tool finds them
	asRoot  bool              // no user namespace is needed
	mount   string            // path of mount(8)
	unshare string            // path of unshare(1); unused with asRoot
}

// isolated is what the wrapper says, on file descriptor 3, when the command it is about to become sees nothing hidden.
const isolated = "isolated\n"

// isolateWithin bounds how long the wrapper may take.
const isolateWithin = 10 * time.Second

// wrapper is the shell script that makes the mounts and becomes the command. Arguments: mount(8), pairs of "bind" from to
// and "hide" directory, "--", then what it becomes. All complaints go to file descriptor 3. A
// directory that is gone by now, as that of a process that has ended, needs no hiding.
const wrapper = `exec 4>&2 2>&3
mount=$1; shift
while [ "$1" != -- ]; do
  case $1 in
  bind) "$mount" -n --bind "$2" "$3" || exit 125; shift 3 ;;
  hide) [ ! -d "$2" ] || "$mount" -n -t tmpfs -o ro,nosuid,nodev,noexec,size=4k,mode=0755 nov30-hidden "$2" || exit 125; shift 2 ;;
  esac
done
shift
exec "$@"`

// becomes ends the wrapping: it says so and turns into the tool's command.
const becomes = `echo isolated >&3; exec 2>&4 3>&- 4>&-; exec "$@"`

// newIsolation prepares to hide directories; nil hides nothing.
func newIsolation(hide []string) (*isolation, error) {
	if len(hide) == 0 {
		return nil, nil
	}
	hide, err := realDirectories(hide)
	if err != nil {
		return nil, err
	}
	i := &isolation{hide: hide, binds: map[string]string{}, asRoot: maySysAdmin()}
	if i.mount, err = exec.LookPath("mount"); err == nil && !i.asRoot {
		i.unshare, err = exec.LookPath("unshare")
	}
	if err != nil {
		return nil, fmt.Errorf("hide nov30's files from the tool: %w; install util-linux", err)
	}
	return i, nil
}

// wrap makes cmd run isolated. The pipe tells how that went: see ready.
func (i *isolation) wrap(cmd *exec.Cmd) (*os.File, error) {
	// Where nothing is hidden, starting it is what fails.
	path, err := exec.LookPath(cmd.Path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(cmd.Dir); err != nil {
		return nil, fmt.Errorf("the working directory: %w", err)
	}
	argv := []string{"/bin/sh", "-c", wrapper, "nov30-isolate", i.mount}
	for from, to := range i.binds {
		argv = append(argv, "bind", from, to)
	}
	for _, d := range i.hide {
		argv = append(argv, "hide", d)
	}
	argv = append(argv, "--")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // syscall makes the mounts private too
	if !i.asRoot {
		uid, gid := os.Geteuid(), os.Getegid()
		cmd.SysProcAttr.Unshareflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
		argv = append(argv, i.unshare, "--user", "--mount", "--map-user="+strconv.Itoa(uid), "--map-group="+strconv.Itoa(gid), "--")
	}
	argv = append(argv, "/bin/sh", "-c", becomes, "nov30-isolate", path)
	cmd.Path, cmd.Args = argv[0], append(argv, cmd.Args[1:]...)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{w} // file descriptor 3; the caller closes it
	return r, nil
}

// ready waits until the wrapper has become the command. The writing end must be closed in this process.
func (i *isolation) ready(r *os.File, clock clockwork.Clock) error {
	said := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(r, 4096))
		said <- string(text)
	}()
	timer := clock.NewTimer(isolateWithin)
	defer timer.Stop()
	select {
	case text := <-said:
		if text == isolated {
			return nil
		}
		why := strings.TrimSpace(strings.TrimPrefix(text, isolated))
		return i.refused(errors.New(clean(cmp.Or(why, "the wrapper ended without a word"), evidenceMax)))
	case <-timer.Chan():
		return i.refused(fmt.Errorf("the mounts were not made within %v", isolateWithin))
	}
}

// refused is the error of a machine on which nothing could be hidden.
func (i *isolation) refused(err error) error {
	return fmt.Errorf("hide nov30's files from the tool: %w. %s. Or set NOV30_TOOL_EXPOSED=1: then the tool can see them, and the record says so",
		err, namespacesMissing(i.asRoot, os.ReadFile))
}

// maySysAdmin says whether this process may mount without a user namespace.
func maySysAdmin() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}
