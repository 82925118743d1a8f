//go:build unix && !linux

package embedded

import (
	"os/exec"
	"strconv"
	"strings"
)

// serversOn lists the postmaster that runs on the data directory, known by the
// -D of its command line. Its children cannot be told from those of another
// server, so certain is always false.
func serversOn(data string) (pids []int, certain bool, err error) {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,command=").Output()
	if err != nil {
		return nil, false, err
	}
	for line := range strings.Lines(string(out)) {
		number, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, args, _ := strings.Cut(strings.TrimSpace(command), " -D ")
		pid, err := strconv.Atoi(number)
		if err != nil || !strings.HasSuffix(name, "postgres") {
			continue
		}
		if args == data || strings.HasPrefix(args, data+" ") {
			pids = append(pids, pid)
		}
	}
	return pids, false, nil
}
