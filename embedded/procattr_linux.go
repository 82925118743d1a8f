package embedded

import "syscall"

// procAttr gives a child its user (nil: ours), its own process group, so that a
// Ctrl-C in the terminal reaches only us and we decide how it ends, and a signal
// to end with when we die. The kernel sends that signal when the *thread* that
// started the child ends (golang/go#27505): start it from a goroutine that stays
// on its thread.
func procAttr(user *syscall.Credential, onParentDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: user, Setpgid: true, Pdeathsig: onParentDeath}
}
