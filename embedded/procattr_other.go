//go:build unix && !linux

package embedded

import "syscall"

// procAttr gives a child its user (nil: ours) and its own process group. Without
// Linux nothing ends a child when its parent is killed: the next start stops it.
func procAttr(user *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: user, Setpgid: true}
}
