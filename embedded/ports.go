package embedded

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// loopback is where embedded services listen unless told otherwise.
const loopback = "127.0.0.1"

// freePort asks the kernel for a port nobody listens on. It may be taken by the
// time it is used, so who starts a server on it must be ready to ask again.
func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("no free port on %s: %w", host, err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// checkPort tells in one line why a server could not listen on the port, before
// the server is started and says it in its own words.
func checkPort(host string, port int, setting string) error {
	if port < 0 || port > 65535 {
		return fmt.Errorf("port %d (%s) is not between 0 and 65535", port, setting)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return portInUse(host, port, setting)
	}
	return fmt.Errorf("cannot listen on %s port %d (%s): %w", host, port, setting, err)
}

func portInUse(host string, port int, setting string) error {
	return fmt.Errorf("port %d on %s is in use: stop what listens there or set %s to another port: %w",
		port, host, setting, syscall.EADDRINUSE)
}
