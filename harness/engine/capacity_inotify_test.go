package engine

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func proc(pid int) string { return fmt.Sprintf("proc/%d", pid) }

// inotify gives a process an instance with that many watches.
func (f *fake) inotify(pid, fd, watches int) {
	f.link(fmt.Sprintf("%s/fd/%d", proc(pid), fd), "anon_inode:inotify")
	f.file(fmt.Sprintf("%s/fdinfo/%d", proc(pid), fd), "pos:\t0\nflags:\t02004000\nmnt_id:\t17\nino:\t1038\n"+
		strings.Repeat("inotify wd:1 ino:ac2267 sdev:29 mask:fc6 ignored_mask:0 fhandle-bytes:20\n", watches))
}

func TestInstancesAndWatchesOfTheEnginesUserAreInUse(t *testing.T) {
	f := healthy(t)
	f.inotify(1, 3, 2)
	f.inotify(1, 4, 0)
	f.link("proc/1/fd/5", "socket:[1]")
	f.link("proc/1/fd/6", "anon_inode:[eventpoll]")
	f.user(2, "100", firstUserNamespace) // another user's count for that user
	f.inotify(2, 3, 50)
	f.user(3, "100000", "user:[99]") // in a namespace that root may have made
	f.inotify(3, 3, 5)
	f.file("proc/4/cmdline", "ended meanwhile")
	c := capacityOf(t, f)
	if r := c.resource(instancesName); r.Used != 3 || r.Limit != 512 || r.Free != 509 || r.More != 12 || r.Unknown+r.Assumed != "" {
		t.Errorf("%+v", r)
	}
	if r := c.resource(watchesName); r.Used != 7 || r.Unknown+r.Assumed != "" {
		t.Errorf("%+v", r)
	}
}

func TestInstancesInUseLeaveRoomForFewerClusters(t *testing.T) {
	f := healthy(t)
	f.file("proc/sys/fs/inotify/max_user_instances", "128\n")
	f.script["docker ps"] = says("a\na\n")
	for fd := range 39 {
		f.inotify(1, fd+3, 12)
	}
	want := "3, 1 of them running (inotify instances limit it; memory would fit 8; arms measured at once: 2)"
	if c := capacityOf(t, f); c.String() != want {
		t.Errorf("got  %s\nwant %s", c, want)
	}
	if row := find(t, f.doctor(t.Context(), options), "inotify limits"); row.Status != OK || row.Value != "instances 128, 39 in use; watches 524288, 468 in use" {
		t.Errorf("%+v", row)
	}
}

func TestARunningClusterThatIsBrokenOrJustBeingMadeCountsAsAHealthyOne(t *testing.T) {
	f := healthy(t)
	f.file("proc/sys/fs/inotify/max_user_instances", "128\n")
	f.script["docker ps"] = says("a\nb\nc\n")
	c := capacityOf(t, f)
	if r := c.resource(instancesName); c.More != 0 || c.Clusters != 3 || r.Used != 0 || r.Free != 5 {
		t.Errorf("%+v", c)
	}
}

// refusing is a file system in which a directory, or the links in it, cannot be read.
type refusing struct {
	fs.FS
	name  string
	links bool
}

func (r refusing) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == r.name && !r.links {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return fs.ReadDir(r.FS, name)
}

func (r refusing) ReadLink(name string) (string, error) {
	if strings.HasPrefix(name, r.name+"/") {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrPermission}
	}
	return fs.ReadLink(r.FS, name)
}

func (r refusing) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(r.FS, name) }

func TestAProcessThatRefusesEvenRootIsAssumedToHaveSomeAndThatIsSaid(t *testing.T) {
	for _, links := range []bool{false, true} {
		f := healthy(t)
		f.inotify(1, 3, 2)
		f.user(2, "0", firstUserNamespace)
		f.inotify(2, 3, 2)
		f.files = refusing{f.tree, "proc/1/fd", links}
		c := capacityOf(t, f)
		if r := c.resource(instancesName); r.Used != 6 || r.Assumed != "5 assumed, for 1 that cannot be looked into" || r.Unknown != "" {
			t.Errorf("%+v", r)
		}
		if r := c.resource(watchesName); r.Used != 502 || r.Assumed == "" {
			t.Errorf("%+v", r)
		}
		if row := f.inotifyRow(&c); !strings.Contains(row.Value, "6 in use (5 assumed, for 1 that") {
			t.Errorf("%+v", row)
		}
	}
}

func TestALimitThatIsRaisedAlreadyIsRaisedFurther(t *testing.T) {
	f := healthy(t)
	f.file("proc/sys/fs/inotify/max_user_instances", "600\n")
	for fd := range 550 {
		f.inotify(1, fd+3, 0)
	}
	if row := find(t, f.doctor(t.Context(), options), "clusters at once"); row.Status != Warn || row.Fix != "sysctl -w fs.inotify.max_user_instances=1200" {
		t.Errorf("%+v", row)
	}
}

func TestPodmansInfoIsReadAsWellAsDockers(t *testing.T) {
	for text, want := range map[string]engineInfo{
		`{"host":{"kernel":"6.1","memTotal":5,"security":{"rootless":true}}}`:  {"6.1", 5, true},
		`{"host":{"kernel":"6.1","memTotal":5,"security":{"rootless":false}}}`: {"6.1", 5, false},
	} {
		if got, err := parseInfo(Podman, []byte(text)); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := parseInfo(Docker, []byte(text)); err == nil {
			t.Errorf("podman's info passes as docker's: %+v", got)
		}
	}
}

func TestThisMachinesCapacityNamesWhatItCannotTell(t *testing.T) {
	r := host().taskRoom(place{})
	if r.Unknown == "" && (r.Used == 0 || r.Limit == 0) {
		t.Errorf("%+v: this test runs in some thread", r)
	}
	if r := host().memoryRoom(place{}); r.Unknown != "" || r.Free > 1<<50 {
		t.Errorf("%+v", r)
	}
}

func FuzzTextsOfTheKernelAreReadOrRefused(f *testing.F) {
	f.Add("0.50 0.40 0.30 2/200 4242\n")
	f.Add("Name:\tx\nUid:\t0\t0\t0\t0\n")
	f.Add("pos:\t0\ninotify wd:1 ino:ac\n")
	f.Add("max 100000")
	f.Add("9223372036854771712\n")
	f.Add(`{"KernelVersion":"6.1","MemTotal":1,"SecurityOptions":["name=rootless"]}`)
	f.Add(`{"host":{"kernel":"6.1","memTotal":5,"security":{"rootless":true}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if load, tasks, err := loadavg(text); !(load >= 0 && load < 1e9) || tasks > 1<<32 || err != nil && (load != 0 || tasks != 0) {
			t.Errorf("load %v, %d tasks, %v", load, tasks, err)
		}
		if uid, err := effectiveUser(text); err == nil && (uid < 0 || !strings.Contains(text, "Uid:")) {
			t.Errorf("user %d", uid)
		}
		if n := watchesOf(text); n > uint64(strings.Count(text, "inotify wd:")) {
			t.Errorf("%d watches", n)
		}
		if cores, limited, err := quota(text); cores < 0 || cores > 0 && (!limited || err != nil) {
			t.Errorf("%d cores, limited %v, %v", cores, limited, err)
		}
		if n, err := groupLimit(text); err == nil && n != unlimited && n >= 1<<62 {
			t.Errorf("limit %d", n)
		}
		statistic(text, "inactive_file ")
		for _, name := range []string{Docker, Podman} {
			if info, err := parseInfo(name, []byte(text)); err == nil && (info.Kernel == "" || info.Memory == 0) {
				t.Errorf("%+v", info)
			}
		}
	})
}
