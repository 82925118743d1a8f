package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// powerCut is one cut of the power of a seriald with everything embedded.
type powerCut struct {
	// behind has the database stand still for a second before the cut, so that
	// much is acknowledged to devices and only in JetStream.
	behind bool
	// noSync has JetStream acknowledge what it has not synced. The cut has to
	// cost something then, or the test is no proof of anything.
	noSync bool
}

func allPowerCuts() []powerCut {
	return []powerCut{{}, {}, {behind: true}, {behind: true, noSync: true}}
}

// powerCutRate is what the embedded listener carries on a busy machine.
const powerCutRate = 150

// diskBytes is the size of the disk that loses its power, which has to hold what
// the streams reserve; the file is sparse.
const (
	diskBytes      = 12 << 30
	eventsMaxBytes = 1 << 30
)

// tryPowerCut loads a seriald, takes the power away at a random moment and
// starts it again on what had reached the disk.
//
// The disk is an image, mounted through a loop device. What was written and not
// synced is in the page cache of the mounted file system only, so a copy of the
// image is what a cut would have left. Everything stands still while it is made.
func tryPowerCut(t *testing.T, c powerCut) result {
	t.Helper()
	disk := newDisk(t)
	env := []string{"DATA_DIR=" + filepath.Join(disk.mount, "data"), "EVENTS_MAX_BYTES=" + strconv.Itoa(eventsMaxBytes)}
	if c.noSync {
		env = append(env, withoutSync+"=1")
	}
	d := newDaemon(t, env...)
	d.data = filepath.Join(disk.mount, "data")
	d.start()
	addFaultParts(t, strings.TrimSpace(first(d.call("db", "url"))))
	s, err := loadSettings("", d.env, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.EmbeddedMQTTPort)), powerCutRate)
	if !f.more(2*powerCutRate+rand.IntN(powerCutRate), patience) {
		t.Fatalf("no load before the cut\n%s", tail(d.output.String()))
	}

	if c.behind {
		for _, child := range children(t, d.cmd.Process.Pid) {
			suspendTree(t, child)
		}
		<-time.After(time.Second)
	}
	everything := suspendTree(t, d.cmd.Process.Pid)
	killAll := sync.OnceFunc(func() {
		for _, pid := range everything {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	t.Cleanup(killAll) // what stands still would stay so for ever
	disk.cut(func() {
		killAll()
		d.kill()
		for _, pid := range everything {
			if !await(patience, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }) {
				t.Fatalf("process %d does not end", pid)
			}
		}
	})

	over := time.Now()
	d.start()
	r := result{target: "seriald, embedded", fault: "power cut", recovery: f.recovered(over, patience)}
	f.more(powerCutRate, patience)
	within := patience
	if c.noSync {
		within = 15 * time.Second // what is lost never comes
	}
	f.settle(within)
	f.end()
	conn, err := pgx.Connect(context.Background(), strings.TrimSpace(first(d.call("db", "url"))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	r.tally = judge(f.records(), lookUp(t, conn))
	if c.noSync {
		r.fault = "power cut, no sync"
		if r.lost == 0 {
			t.Errorf("without sync nothing was lost: the cut does not cut\n%+v", r)
		}
		return r
	}
	if c.behind {
		r.fault = "power cut, database behind"
	}
	if !r.good(false) {
		t.Errorf("%+v\n%s", r, tail(d.output.String()))
	}
	return r
}

// disk is an ext4 file system on an image file.
type disk struct {
	tb           testing.TB
	image, mount string
}

// diskPrefix begins the names of the directories that disks are in; the process
// that made one follows.
const diskPrefix = "seriald-powercut-"

// diskHome is where disks are: in memory, where there is such a place, so that
// how busy the machine's own disk is does not decide how much is under way.
func diskHome() string {
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		return os.TempDir()
	}
	return memory
}

// newDisk makes a disk and mounts it, until the test ends.
func newDisk(tb testing.TB) *disk {
	tb.Helper()
	sweepDisks(tb)
	dir, err := os.MkdirTemp(diskHome(), fmt.Sprintf("%s%d-", diskPrefix, os.Getpid()))
	if err != nil {
		tb.Fatal(err)
	}
	d := &disk{tb: tb, image: filepath.Join(dir, "disk.img"), mount: filepath.Join(dir, "mount")}
	tb.Cleanup(func() { removeDisk(dir) })
	// The database runs as another user, who must get there.
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(d.mount, 0o755), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, diskBytes)); err != nil {
		tb.Fatal(err)
	}
	// Few inodes, so that making them at once, and not while the test runs, is quick.
	d.command("mkfs.ext4", "-q", "-N", "65536", "-J", "size=32", "-E", "lazy_itable_init=0", d.image)
	d.attach()
	return d
}

// attach mounts the image. commit=600 keeps the file system from writing its
// journal by itself: what nobody syncs does not get to the disk.
func (d *disk) attach() {
	d.tb.Helper()
	d.command("mount", "-o", "loop,commit=600", d.image, d.mount)
}

// cut replaces the disk by what is on it now, without what is in memory only.
// Nothing may be writing. end has to end every process that uses it.
func (d *disk) cut(end func()) {
	d.tb.Helper()
	// Written and not synced, so that it has to be gone afterwards.
	canary := filepath.Join(d.mount, "canary")
	if err := os.WriteFile(canary, []byte("alive"), 0o600); err != nil {
		d.tb.Fatal(err)
	}
	copied := d.image + ".cut"
	d.command("cp", "--sparse=always", d.image, copied)
	end()
	if !await(patience, func() bool { return exec.Command("umount", d.mount).Run() == nil }) {
		d.tb.Fatalf("%s is still in use", d.mount)
	}
	if err := os.Rename(copied, d.image); err != nil {
		d.tb.Fatal(err)
	}
	d.attach() // replays the journal, as after a cut
	if _, err := os.Stat(canary); !errors.Is(err, os.ErrNotExist) {
		d.tb.Fatalf("what was not synced is on the disk (%v): this is no power cut", err)
	}
}

func (d *disk) command(name string, args ...string) {
	d.tb.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.tb.Fatalf("%s %s: %v\n%sThe power cut needs root, loop devices, ext4, mount and mkfs.ext4: run make faults as root "+
			"where /dev/loop-control is, with the packages mount and e2fsprogs", name, strings.Join(args, " "), err, out)
	}
}

// sweepDisks removes the disks of test runs that were killed.
func sweepDisks(tb testing.TB) {
	tb.Helper()
	left, err := filepath.Glob(filepath.Join(diskHome(), diskPrefix+"*"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, dir := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), diskPrefix), "-")
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			removeDisk(dir)
		}
	}
}

// removeDisk unmounts, which also frees the loop device, and removes a disk. One
// that is still in use, after a test that failed, goes when its user does.
func removeDisk(dir string) {
	mount := filepath.Join(dir, "mount")
	if exec.Command("umount", mount).Run() != nil {
		_ = exec.Command("umount", "--lazy", mount).Run() // or it was not mounted
	}
	_ = os.RemoveAll(dir)
}
